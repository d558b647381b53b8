import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { Argument, Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { EXIT, layOut, say, sayJson } from '../terminal.ts'
import { askService, type ServiceOptions, type ServiceRequest, withServiceOptions } from './ask-service.ts'
import { tellStanding, timeOf } from './tell-standing.ts'

interface ReviewOptions extends ServiceOptions {
  readonly why: string
  readonly for?: string
  readonly by?: string
}

const LEVELS = ['allow', 'throttle', 'read-only', 'approval', 'block']

/** Decisions that name a level, and what each of them does. */
const HOLDS = [
  ['raise', 'hold an agent at this level, or above it'],
  ['lower', 'hold an agent at this level, or below it'],
  ['freeze', 'hold an agent at exactly this level'],
] as const

/** Adds what people ask and decide. Each decision has a reason, and the name of the token that made it. */
export function addReviewParts(parent: Command, context: CommandContext): void {
  const add = (name: string, summary: string): Command => {
    const part = withServiceOptions(new Command(name).summary(summary))
    parent.addCommand(part)
    return part
  }
  const addReview = (name: string, summary: string): Command =>
    add(name, summary)
      .argument('<agent>', 'the id of the agent')
      .requiredOption('--why <text>', 'the reason: the trail and the alert show it')
      .option('--by <person>', 'for whom you decide, where that is another person')
  add('levels', 'agents that are not at allow')
    .addArgument(new Argument('[from]', 'this level or above it').choices(LEVELS).default('throttle'))
    .action((from: string, options: ServiceOptions) => listLevels(context, from, options))
  add('show', 'where an agent stands, and why')
    .argument('<agent>', 'the id of the agent')
    .action((agent: string, options: ServiceOptions) => tellAgent(context, agent, options))
  for (const [action, summary] of HOLDS) {
    addReview(action, summary)
      .addArgument(new Argument('<level>', 'the level').choices(LEVELS))
      .option('--for <seconds>', 'how long (default: an hour)')
      .action((agent: string, level: string, options: ReviewOptions) =>
        review(context, agent, { action, level, ...secondsOf(options) }, options),
      )
  }
  addReview('clear', 'forget what counts against an agent, and what reviewers decided').action(
    (agent: string, options: ReviewOptions) => review(context, agent, { action: 'clear' }, options),
  )
  addReview('expect', 'more than usual is usual for a time: a sale, a release')
    .requiredOption('--factor <times>', 'how many times as much')
    .requiredOption('--for <seconds>', 'how long')
    .action((agent: string, options: ReviewOptions & { readonly factor: string }) =>
      review(context, agent, { action: 'expect', factor: Number(options.factor), ...secondsOf(options) }, options),
    )
}

function secondsOf({ for: seconds }: ReviewOptions): { readonly forSeconds?: number } {
  return seconds === undefined ? {} : { forSeconds: Number(seconds) }
}

async function review(context: CommandContext, agent: string, decided: object, options: ReviewOptions): Promise<void> {
  const { why, by } = options
  const body = { ...decided, why, ...(by === undefined ? {} : { by }) }
  await show(context, options, { method: 'POST', path: `${pathOf(agent)}/reviews`, body })
}

/** Says where one agent stands; for `risk show` and `explain`. */
export async function tellAgent(context: CommandContext, agent: string, options: ServiceOptions): Promise<void> {
  await show(context, options, { method: 'GET', path: pathOf(agent) })
}

async function show(
  { terminal, exit }: CommandContext,
  options: ServiceOptions,
  request: ServiceRequest,
): Promise<void> {
  const standing = await askService(terminal, options, request)
  if (standing === undefined) exit(EXIT.no)
  else if (options.json === true) sayJson(terminal, standing)
  else tellStanding(terminal, standing)
}

async function listLevels({ terminal, exit }: CommandContext, from: string, options: ServiceOptions): Promise<void> {
  const answer = await askService(terminal, options, { method: 'GET', path: `/v1/agents?from=${from}` })
  if (answer === undefined) return exit(EXIT.no)
  const agents = Array.isArray(answer['agents']) ? answer['agents'].filter(isJsonObject) : []
  if (options.json === true) return sayJson(terminal, agents)
  if (agents.length === 0) return say(terminal, `no agent is at ${from} or above it`)
  say(terminal, ...layOut([['AGENT', 'LEVEL', 'SCORE', 'SINCE', 'WHY'], ...agents.map(rowOf)]))
}

function rowOf({ agentId, level, score, sinceMs, reasons }: JsonObject): readonly string[] {
  const [first = ''] = Array.isArray(reasons) ? reasons : []
  return [String(agentId), String(level), String(score), timeOf(sinceMs), String(first)]
}

function pathOf(agent: string): string {
  return `/v1/agents/${encodeURIComponent(agent)}`
}
