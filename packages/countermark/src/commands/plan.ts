import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { coversScope } from '@countermark/capability'
import type * as Planning from '@countermark/policy/plan'
import { Command } from 'commander'
import { type AgentEntry, readAgents } from './agents-file.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError, hasCode, reasonOf } from './errors.ts'
import { EXIT, layOut, paint, say, sayJson, type Terminal, withProgress } from './terminal.ts'

interface PlanCommandOptions {
  readonly policy?: string
  readonly agents?: string
  readonly last: string
  readonly json?: boolean
}

/** `countermark plan`: what another policy, or other grants, would have done. */
export function planCommand({ terminal, exit }: CommandContext): Command {
  return new Command('plan')
    .summary('what another policy, or other grants, would have done to recorded decisions')
    .description('Asks a changed policy, or a changed file of agents, about the last decisions of an audit trail.')
    .argument('<files...>', 'an audit trail, in the order of time; - reads standard input')
    .option('--policy <module>', 'a module that exports an engine: export default cedar({ policies, schema })')
    .option('--agents <file>', 'the file of agents as it would be')
    .option('--last <count>', 'how many decisions, the last ones', '10000')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark plan audit.ndjson --policy proposed.mjs',
        'countermark plan audit.ndjson --agents agents.new.json',
      ),
    )
    .action(async (files: readonly string[], options: PlanCommandOptions) => {
      const plan = await withProgress(terminal, `reading ${files.join(', ')}`, planFiles(terminal, files, options))
      if (options.json === true) sayJson(terminal, plan)
      else tell(terminal, plan)
      exit(plan.newlyRefused + plan.newlyAllowed === 0 ? EXIT.yes : EXIT.no)
    })
}

async function planFiles(
  terminal: Terminal,
  files: readonly string[],
  { policy, agents, last }: PlanCommandOptions,
): Promise<Planning.Plan> {
  const count = Number(last)
  if (!(Number.isInteger(count) && count > 0))
    throw new CommandError(`${last} is no number of decisions`, 'such as --last 10000')
  if ((policy === undefined) === (agents === undefined)) {
    throw new CommandError('one change at a time', 'name it: --policy MODULE, or --agents FILE')
  }
  const { judgeByGrants, judgeByPolicy, planDecisions } = await loadPlanning()
  const judge =
    policy === undefined
      ? judgeByGrants({ find: grantsOf(resolve(terminal.folder, agents ?? '')), covers: coversScope })
      : judgeByPolicy(await loadEngine(resolve(terminal.folder, policy)))
  return planDecisions(linesOf(files, terminal), judge, { last: count })
}

/** Installed by those who have policies. */
async function loadPlanning(): Promise<typeof Planning> {
  try {
    return await import('@countermark/policy/plan')
  } catch (error) {
    if (!hasCode(error, 'ERR_MODULE_NOT_FOUND') && !hasCode(error, 'MODULE_NOT_FOUND')) throw error
    throw new CommandError('plans need @countermark/policy', 'npm install @countermark/policy')
  }
}

async function loadEngine(path: string): Promise<Parameters<typeof Planning.judgeByPolicy>[0]> {
  const module = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new CommandError(`${path} cannot be loaded: ${reasonOf(error)}`, 'export default opa({ url }), or a function')
  })
  const given: unknown = module.default?.default ?? module.default
  if (typeof given === 'function' || typeof Object(given).decide === 'function') return given as never
  throw new CommandError(`${path} exports no engine`, 'export default opa({ url }), or a function')
}

function grantsOf(path: string): Planning.PlannedGrants['find'] {
  const agents = new Map(readAgents(path).agents.map((entry) => [entry.id, entry as AgentEntry & GrantMembers]))
  if (agents.size === 0) throw new CommandError(`${path} has no agents`, 'name the file as it would be: --agents FILE')
  return (id) => {
    const found = agents.get(id)
    if (found === undefined) return undefined
    const { state = 'active', capabilities, constraints } = found
    return { state, capabilities, hasLimits: constraints !== undefined && Object.keys(constraints).length > 0 }
  }
}

/** Of a registry document: docs/protocol/registry-document.md. */
interface GrantMembers {
  readonly state?: Planning.PlannedGrant['state']
  readonly capabilities?: readonly string[]
  readonly constraints?: object
}

async function* linesOf(files: readonly string[], { folder, stdin }: Terminal): AsyncGenerator<string> {
  for (const file of files) {
    const input = file === '-' ? stdin : createReadStream(resolve(folder, file))
    try {
      yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
    } catch (error) {
      if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EISDIR') && !hasCode(error, 'EACCES')) throw error
      throw new CommandError(`${file} cannot be read`, 'name files of the audit trail')
    }
  }
}

const MOST_ROWS = 20

/** Why nothing can be said, in words. */
const REASONS: Readonly<Record<Planning.UntoldReason, string>> = {
  not_asked: 'no policy was asked then',
  question_not_kept: 'the question was not kept: consultPolicy(engine, { keepQuestion: true })',
  question_erased: 'the question was erased',
  question_masked: 'a credential stood in the question and was masked',
  undecided: 'the new policy gave no readable answer',
  limits_not_kept: 'the new grant has limits, and the trail does not keep arguments',
  grant_not_plain: 'the new grant has roles, restrictions or times',
  needs_not_kept: 'the trail does not keep what a refused request would have needed',
}

function tell(terminal: Terminal, plan: Planning.Plan): void {
  const { decisions, newlyRefused, newlyAllowed, unchanged, cannotTell, from = 'never', until = 'never' } = plan
  say(terminal, `${decisions} decisions, ${from} to ${until}`)
  const refused = paint(terminal, newlyRefused === 0 ? 'good' : 'bad', `${newlyRefused} newly refused`)
  say(terminal, `${refused}, ${newlyAllowed} newly allowed, ${unchanged} unchanged, ${cannotTell} cannot be told`)
  const rows = plan.rows.filter((row) => row.newlyRefused + row.newlyAllowed > 0)
  const cells = rows
    .slice(0, MOST_ROWS)
    .map((row) => [
      row.agent,
      row.route,
      String(row.newlyRefused),
      String(row.newlyAllowed),
      row.requestIds.at(-1) ?? '',
    ])
  if (rows.length > 0) say(terminal, '', ...layOut([['AGENT', 'ROUTE', 'REFUSED', 'ALLOWED', 'SUCH AS'], ...cells]))
  if (rows.length > MOST_ROWS) say(terminal, `and ${rows.length - MOST_ROWS} more: --json has them all`)
  const reasons = Object.entries(plan.reasons) as [Planning.UntoldReason, number][]
  if (reasons.length > 0) say(terminal, '', ...reasons.map(([reason, count]) => `${count}: ${REASONS[reason]}`))
}
