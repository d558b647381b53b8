import { type CapabilityUses, type GrantReview, readCapabilityUses, reviewGrant } from '@countermark/audit/reports'
import { coversScope } from '@countermark/capability'
import { Command } from 'commander'
import { readLines } from './adoption/read-decisions.ts'
import {
  type AskAuthority,
  type AuthorityCallOptions,
  askForAll,
  createAskAuthority,
  itemsOf,
  sayCurl,
  withAuthorityOptions,
} from './authority-call.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { EXIT, paint, say, sayJson, type Terminal, withProgress } from './terminal.ts'

interface ReviewOptions extends AuthorityCallOptions {
  readonly tenant: string
  readonly days: string
  readonly trail?: readonly string[]
  readonly cut?: readonly string[]
  readonly partial?: boolean
}

/** `countermark review`: what agents were given against what they used, and what could be cut. */
export function reviewCommand(context: CommandContext): Command {
  const command = new Command('review')
    .summary('what agents were given against what they used, and what could be cut')
    .description(
      "Use comes from the trails of doors: files (--trail), or those that the authority's option decisions names.",
    )
    .requiredOption('--tenant <id>', 'whose agents')
    .option('--days <number>', 'how far back', '90')
    .option('--trail <files...>', 'audit trails of doors, all of them: what is missing looks unused')
    .option('--cut <agent...>', 'carry the proposal out for these agents')
    .option('--partial', 'cut although the trail does not reach back that far')
    .addHelpText(
      'after',
      examples(
        'countermark review --tenant acme --trail /var/log/shop/audit.ndjson',
        'countermark review --tenant acme --days 30 --trail *.ndjson --cut agt_7f2k9x',
      ),
    )
  return withAuthorityOptions(command).action((options: ReviewOptions) => review(context, options))
}

async function review(context: CommandContext, options: ReviewOptions): Promise<void> {
  const { terminal, exit } = context
  const days = Number(options.days)
  if (!Number.isInteger(days) || days < 1 || days > 400)
    throw new CommandError(`${options.days} is no number of days`, 'from 1 to 400, such as --days 90')
  const ask = createAskAuthority(context, options)
  const path = `/tenants/${encodeURIComponent(options.tenant)}/access-review?days=${days}`
  if (options.trail === undefined && (await sayCurl(context, options, { method: 'GET', path }))) return
  if (await sayCurl(context, options, { method: 'GET', path: agentsOf(options.tenant) })) return
  const found = await findReviews(terminal, ask, { ...options, days, path })
  if (found === undefined) return
  if (options.json !== true) tell(terminal, found, days)
  const cut = options.cut === undefined ? [] : await carryOut(ask, found, options)
  if (cut === undefined) return
  if (options.json === true) return sayJson(terminal, { ...found, cut })
  for (const { agent, ceiling } of cut) say(terminal, `cut: ${agent} may now do ${ceiling.join(' ') || 'nothing'}`)
  if (cut.length === 0 && found.reviews.some(({ unused }) => unused.length > 0)) exit(EXIT.no)
}

/** One agent: what it was given, and what came of it. */
interface AgentReview extends GrantReview {
  readonly agent: string
  readonly revision: number
}

/** How far what was read reaches. */
interface Reach extends Omit<CapabilityUses, 'byAgent'> {
  /** It goes back as far as was asked, and every line was read. */
  readonly isWhole: boolean
}

interface Reviews {
  readonly reviews: readonly AgentReview[]
  /** `undefined` where the authority has read the trails. */
  readonly trail: Reach | undefined
}

const DAY_MS = 86_400_000

async function findReviews(
  terminal: Terminal,
  ask: AskAuthority,
  { trail: files, tenant, days, path }: Omit<ReviewOptions, 'days'> & { readonly days: number; readonly path: string },
): Promise<Reviews | undefined> {
  if (files === undefined) {
    const answer = await ask({ method: 'GET', path })
    return answer && { reviews: itemsOf(answer) as unknown as readonly AgentReview[], trail: undefined }
  }
  const agents = await askForAll(ask, agentsOf(tenant))
  if (agents === undefined) return undefined
  const sinceMs = terminal.clock.wallMs() - days * DAY_MS
  const { byAgent, ...read } = await withProgress(terminal, 'reading trails', readTrails(terminal, files, sinceMs))
  const isWhole = read.unreadable === 0 && read.firstAt !== undefined && Date.parse(read.firstAt) <= sinceMs
  const reviews = agents.flatMap(({ id, revision, state, ceiling }): AgentReview[] => {
    if (typeof id !== 'string' || typeof revision !== 'number' || !isTexts(ceiling) || state === 'retired') return []
    return [{ agent: id, revision, ...reviewGrant(ceiling, byAgent.get(id) ?? [], coversScope) }]
  })
  return { reviews, trail: { ...read, isWhole } }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** @throws CommandError for a file that cannot be read: without it everything in it would look unused */
function readTrails(terminal: Terminal, files: readonly string[], sinceMs: number): Promise<CapabilityUses> {
  return readCapabilityUses(readLines(files, terminal), sinceMs)
}

function agentsOf(tenant: string): string {
  return `/agents?${new URLSearchParams({ tenant, limit: '200' })}`
}

interface Cut {
  readonly agent: string
  readonly ceiling: readonly string[]
}

/** Each with the revision that was looked at: what has changed since is not cut. `undefined`: one was refused, and that is told. */
async function carryOut(
  ask: AskAuthority,
  { reviews, trail }: Reviews,
  { cut = [], partial }: ReviewOptions,
): Promise<readonly Cut[] | undefined> {
  if (trail !== undefined && !trail.isWhole && partial !== true) {
    const fix = 'give older files as well, fewer --days, or say --partial'
    throw new CommandError(`nothing was cut: the trail ${sayReach(trail)}`, fix)
  }
  const chosen = cut.map((agent) => {
    const known = reviews.find((each) => each.agent === agent)
    if (known !== undefined) return known
    throw new CommandError(`nothing was cut: the tenant has no agent ${agent}`)
  })
  const done: Cut[] = []
  for (const { agent, revision, proposal } of chosen) {
    if (proposal === undefined) continue
    const { ceiling } = proposal
    const path = `/agents/${encodeURIComponent(agent)}`
    const answer = await ask({ method: 'PATCH', path, body: { ceiling }, ifMatch: revision })
    if (answer === undefined) return undefined
    done.push({ agent, ceiling })
  }
  return done
}

function sayReach({ firstAt, unreadable }: Reach): string {
  if (unreadable > 0) return `has ${unreadable} lines that cannot be read`
  return firstAt === undefined ? 'holds no decision' : `begins at ${firstAt}`
}

function tell(terminal: Terminal, { reviews, trail }: Reviews, days: number): void {
  if (trail !== undefined) {
    say(terminal, `${trail.decisions} decisions in ${days} days`)
    if (!trail.isWhole)
      say(terminal, paint(terminal, 'warning', `the trail ${sayReach(trail)}: what was used may be missing`))
  }
  for (const { agent, granted, used, unused, proposal } of reviews) {
    say(terminal, '', paint(terminal, 'strong', agent))
    for (const { scope, requests, lastAt } of used)
      say(terminal, `  used    ${scope}  ${requests} times, last at ${lastAt}`)
    for (const scope of unused) say(terminal, `  ${paint(terminal, 'warning', 'unused')}  ${scope}`)
    if (granted.length === 0) say(terminal, '  was given nothing')
    if (proposal === undefined) continue
    const kept = proposal.ceiling.join(' ') || 'nothing'
    say(terminal, `  proposal: ${kept}; countermark review … --cut ${agent}`)
  }
}
