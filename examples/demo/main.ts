import { parseArgs } from 'node:util'
import { ATTACK_SCENES, FLOOD_SCENE } from './attack-scenes.ts'
import { AUTHORITY_SCENES } from './authority-scenes.ts'
import { BEHAVIOUR_SCENES } from './behaviour-scenes.ts'
import { CAPABILITY_SCENES } from './capability-scenes.ts'
import { CHAIN_ATTACK_SCENES } from './chain-attack-scenes.ts'
import { CLIENT_SCENES } from './client-scenes.ts'
import { CONSENT_SCENES } from './consent-scenes.ts'
import { DAY_SCENES } from './day-scenes.ts'
import { DELEGATION_SCENES } from './delegation-scenes.ts'
import { DPOP_SCENES } from './dpop-scenes.ts'
import { GOOD_SCENES } from './good-scenes.ts'
import { ISSUER_DAY_SCENES } from './issuer-day-scenes.ts'
import { MID_RUN_SCENES } from './mid-run-scenes.ts'
import { ONCE_SCENES } from './once-scenes.ts'
import type { Scene } from './scene.ts'
import { heading, type SceneResult, say, table, tick } from './screen.ts'
import { playFinale } from './seeing/finale.ts'
import { stay } from './seeing/stay.ts'
import { SHOWN_SCENES } from './shown-scenes.ts'
import { TOKEN_ATTACK_SCENES } from './token-attack-scenes.ts'
import { createWorld, type World } from './world.ts'

const GROUPS: readonly (readonly [string, readonly Scene[]])[] = [
  ['An honest agent', GOOD_SCENES],
  ['Attackers', ATTACK_SCENES],
  ['On somebody’s behalf', DELEGATION_SCENES],
  ['What its client sees to', CLIENT_SCENES],
  ['Tokens in wrong hands', TOKEN_ATTACK_SCENES],
  ['Keys shown by DPoP', DPOP_SCENES],
  ['Chains that claim too much', CHAIN_ATTACK_SCENES],
  ['While it runs', MID_RUN_SCENES],
  ['A stolen key', BEHAVIOUR_SCENES],
  ['How far a grant goes', CAPABILITY_SCENES],
  ['With a human’s consent', CONSENT_SCENES],
  ['Under an authority', AUTHORITY_SCENES],
  ['Counted, and done once', ONCE_SCENES],
  ['Ordinary days', [...DAY_SCENES, ...ISSUER_DAY_SCENES]],
  ['A flood', [FLOOD_SCENE]],
]

const USAGE = `npm run demo                       seven scenes, each with request, answer and reason
npm run demo -- --all              every scene, what was measured and recorded; a minute
npm run demo -- --only WORD        the scenes whose title has this word
npm run demo -- --stay             leaves everything running, with the dashboards, a key and a command to try
npm run demo -- --screenshots DIR  takes pictures of the dashboards
`

const { values: options } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    only: { type: 'string' },
    stay: { type: 'boolean', default: false },
    screenshots: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (options.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
const { only } = options
const isWhole = options.all || options.stay || options.screenshots !== undefined
const groups = only === undefined ? (isWhole ? GROUPS : []) : withTitle(only.toLowerCase())
heading('countermark demo: real agents, real HTTP, an Express and a Koa backend')
const world = await createWorld({ isMeasured: isWhole })
const results: SceneResult[] = []
const problems: string[] = []
try {
  if (groups.length === 0) for (const scene of SHOWN_SCENES) results.push(await show(scene, world))
  for (const [title, scenes] of groups) {
    heading(title)
    for (const scene of scenes) {
      if (scene.needsRedis === true && !world.hasRedis) say(`- ${scene.title}: needs redis-server`)
      else results.push(await play(scene, world))
    }
  }
  if (groups.length > 0) table(results)
  if (isWhole) problems.push(...(await playFinale(world)))
  if (options.stay || options.screenshots !== undefined) await stay(world, { screenshots: options.screenshots })
} finally {
  await world.close()
}
console.log(`
  Where to look next
    npm run demo -- --all         a hundred scenes more; --help says what else
    examples/guard-existing-app   guard an ordinary Express application in under ten lines
    examples/koa-quickstart       the same for Koa
    npx countermark dev           an authority, a sample API and an agent, to try things
    examples/delegated-refund     a user, an agent, a sub-agent, and a limit above which a human agrees
    examples/your-identity-provider   tokens of an identity provider that runs
    docs/refusals.md              every refusal: what it means and who should act
`)
const unexpected = results.filter(({ got, expected }) => got !== expected)
for (const problem of problems) console.log(`  ${problem}`)
console.log(`${results.length} scenes, ${unexpected.length} unexpected; ${problems.length} problems in what was seen`)
process.exitCode = unexpected.length + problems.length === 0 ? 0 : 1

async function play(scene: Scene, stage: World): Promise<SceneResult> {
  const begun = performance.now()
  let got: string
  try {
    got = await scene.play(stage)
  } catch (error) {
    got = `threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
  }
  const result = { ...scene, got, milliseconds: performance.now() - begun }
  tick(result)
  return result
}

/** One of the seven: a heading, and whatever the scene shows. */
async function show(scene: Scene, stage: World): Promise<SceneResult> {
  heading(scene.title)
  return play(scene, stage)
}

function withTitle(word: string): typeof GROUPS {
  const found = [['The seven', SHOWN_SCENES] as const, ...GROUPS]
    .map(([title, scenes]) => [title, scenes.filter((scene) => scene.title.toLowerCase().includes(word))] as const)
    .filter(([, scenes]) => scenes.length > 0)
  if (found.length > 0) return found
  process.stderr.write(`no scene has ${word} in its title\n`)
  process.exit(2)
}
