import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { type Answers, type Framework, faultOfOrigin } from './init-answers.ts'
import { writeAgentKey } from './keygen.ts'
import { paint, say, sayJson, type Terminal } from './terminal.ts'

interface InitOptions extends Partial<Answers> {
  readonly yes?: boolean
  readonly json?: boolean
}

const DEFAULT_ORIGIN = 'http://localhost:3000'
const DEFAULT_AGENT = 'agt_first'
const KEY_FILE = 'agent-key.pem'
const AGENTS_FILE = 'agents.json'

/** `countermark init`: a first agent, its key, and the lines that an application needs. */
export function initCommand({ terminal }: CommandContext): Command {
  return new Command('init')
    .summary('guard the application in this folder: a key, agents.json, the lines to add')
    .addOption(new Option('--framework <name>', 'what the application is made with').choices(['express', 'koa']))
    .option('--origin <origin>', 'where agents call it')
    .option('--agent <id>', 'the id of the first agent')
    .option('-y, --yes', 'ask nothing')
    .option('--json', 'for machines; asks nothing')
    .addHelpText(
      'after',
      examples('countermark init', 'countermark init --framework koa --origin http://localhost:8080 --yes'),
    )
    .action(async (options: InitOptions) => {
      const isAsking = terminal.isInteractive && options.yes !== true && options.json !== true
      const assumed = assume(terminal, options)
      const answers = isAsking ? await ask(assumed) : assumed
      const { agent } = answers
      const key = writeAgentKey(terminal, agent, { out: KEY_FILE, agents: AGENTS_FILE, algorithm: 'ed25519' })
      const isIgnored = keepOutOfGit(terminal)
      const lines = linesFor(terminal, answers)
      if (options.json === true) return sayJson(terminal, { ...answers, keyId: key.thumbprint, lines })
      tell(terminal, answers, lines, isIgnored)
    })
}

/** The questions are loaded only where there is a person to answer them. */
async function ask(assumed: Answers): Promise<Answers> {
  const { askPerson } = await import('./init-questions.ts')
  return askPerson(assumed)
}

function assume(terminal: Terminal, options: InitOptions): Answers {
  const { framework = findFramework(terminal), origin = DEFAULT_ORIGIN, agent = DEFAULT_AGENT } = options
  const fault = faultOfOrigin(origin)
  if (fault !== undefined) throw new CommandError(`--origin: ${fault}`)
  return { framework, origin, agent }
}

function findFramework(terminal: Terminal): Framework {
  const { dependencies = {} } = readManifest(terminal)
  return 'koa' in dependencies && !('express' in dependencies) ? 'koa' : 'express'
}

interface Manifest {
  readonly type?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

function readManifest({ folder }: Terminal): Manifest {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return {}
  const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'))
  return typeof manifest === 'object' && manifest !== null ? manifest : {}
}

function linesFor(terminal: Terminal, { framework, origin }: Answers): readonly string[] {
  const names = '{ countermark, fromFile }'
  const isModule = readManifest(terminal).type === 'module' || existsSync(join(terminal.folder, 'tsconfig.json'))
  return [
    isModule
      ? `import ${names} from 'countermark/${framework}'`
      : `const ${names} = require('countermark/${framework}')`,
    '',
    'app.use(',
    '  countermark({',
    `    origins: ['${origin}'],`,
    `    keys: fromFile('${AGENTS_FILE}'),`,
    '  }),',
    ')',
  ]
}

/** A private key that is committed is lost. @returns whether a line was added to .gitignore */
function keepOutOfGit({ folder }: Terminal): boolean {
  const path = join(folder, '.gitignore')
  if (!existsSync(path)) return false
  const text = readFileSync(path, 'utf8')
  if (text.split('\n').some((line) => line.trim() === KEY_FILE || line.trim() === '*.pem')) return false
  appendFileSync(path, `${text === '' || text.endsWith('\n') ? '' : '\n'}${KEY_FILE}\n`)
  return true
}

function tell(terminal: Terminal, { agent, origin }: Answers, lines: readonly string[], isIgnored: boolean): void {
  const note = isIgnored ? 'now in .gitignore' : 'keep it out of git'
  say(
    terminal,
    `${paint(terminal, 'good', 'written')}  ${KEY_FILE}   the private key of ${agent}; ${note}`,
    `${paint(terminal, 'good', 'written')}  ${AGENTS_FILE}     what the application knows of its agents`,
    '',
    'In the application, before body parsers:',
    '',
    ...lines.map((line) => `  ${line}`.trimEnd()),
    '',
    'Then try it:',
    '',
    `  npx countermark curl ${origin}/            # signed: passes`,
    `  curl -i ${origin}/                         # not signed: refused`,
  )
}
