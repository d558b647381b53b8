import type { KeySource, Refusal, RefusalCode } from '@countermark/core'
import type { AgentEntry } from './agents-file.ts'
import { CommandError } from './errors.ts'
import { type Judge, type JudgeInput, startJudge } from './judge-request.ts'
import { tellOtherKeys } from './other-keys.ts'
import { findRewrites, type Rewrite } from './rewrites.ts'
import { fieldOf, type SavedRequest } from './saved-request.ts'

/** Against what a request is explained. */
export interface ExplainInput {
  readonly keys: KeySource
  readonly origin: string | undefined
  /** Unix milliseconds. @default when the request says that it was signed */
  readonly atMs: number | undefined
  /** The time of this machine. Unix milliseconds. */
  readonly nowMs: number
  /** Whose keys are known besides the one that the request names. */
  readonly agents: readonly AgentEntry[]
}

/** Why a request passes or does not. */
export interface Explanation {
  /** Who signed it, when it passes. */
  readonly agent: string | undefined
  readonly refusal: Pick<Refusal, 'code' | 'message' | 'diagnosis'> | undefined
  /** One sentence: how old it is. */
  readonly age: string
  /** The signature base that the guard expects, line by line (RFC 9421 section 2.5); empty when it does not get that far. */
  readonly lines: readonly string[]
  /** One sentence on other keys, where a signature does not verify and no change explains it. */
  readonly otherKeys: string | undefined
  /** What was changed on the way, as far as undoing it helps. */
  readonly changes: readonly Pick<Rewrite, 'done' | 'fix'>[]
  /** The code that is left once these changes are undone; `undefined` when the signature holds then. */
  readonly left: RefusalCode | undefined
}

/** Codes that a change on the way brings about. */
const CHANGED = new Set<string>([
  'signature_invalid',
  'digest_mismatch',
  'authority_mismatch',
  'request_malformed',
  'coverage_insufficient',
])

/**
 * Judges a saved request as a guard would, at the time at which it was signed; when it fails, tries what proxies do to requests.
 * @throws CommandError
 */
export async function explainRequest(request: SavedRequest, input: ExplainInput): Promise<Explanation> {
  const origin = input.origin ?? originOf(request)
  const signedMs = findSigningTime(request)
  const judge = await startJudge()
  try {
    const judging = { keys: input.keys, origin, nowMs: input.atMs ?? signedMs ?? input.nowMs }
    const judgement = await judge.judge(request, judging)
    const refusal = 'refusal' in judgement ? judgement.refusal : undefined
    const code = refusal !== undefined && CHANGED.has(refusal.code) ? refusal.code : undefined
    const nothing: Found = { taken: [], left: refusal?.code }
    const found = code === undefined ? nothing : await findChanges(judge, { request, judging, code, taken: [] })
    const isUnexplained = found.left === 'signature_invalid' && found.taken.length === 0
    const otherKeys = isUnexplained ? await tellOtherKeys(judge, { request, judging, agents: input.agents }) : undefined
    return {
      otherKeys,
      agent: 'agent' in judgement ? judgement.agent : undefined,
      refusal: refusal && { code: refusal.code, message: refusal.message, diagnosis: refusal.diagnosis },
      age: describeAge(signedMs, input.atMs ?? input.nowMs),
      lines: expectedLines(refusal),
      changes: found.taken.map(({ done, fix }) => ({ done, fix })),
      left: found.left,
    }
  } finally {
    judge.close()
  }
}

/** How far a request gets: what is checked first is listed first. */
const PROGRESS: readonly string[] = ['authority_mismatch', 'signature_invalid', 'digest_mismatch']
const MAX_CHANGES = 3

/** Where the search stands. */
interface Search {
  readonly request: SavedRequest
  readonly judging: JudgeInput
  readonly code: RefusalCode
  readonly taken: readonly Rewrite[]
}

/** What undoing changes came to: the code that is left is `undefined` when the signature holds then. */
interface Found {
  readonly taken: readonly Rewrite[]
  readonly left: RefusalCode | undefined
}

/**
 * Undoes changes until the signature holds, or as far as it helps. A change that brings the request further is kept; one of
 * the host is tried with others in any case, because it may show only together with them.
 */
async function findChanges(judge: Judge, search: Search): Promise<Found> {
  const { request, judging, code, taken } = search
  const further: Search[] = []
  for (const rewrite of findRewrites(request, judging.origin)) {
    if (taken.some(({ part }) => part === rewrite.part)) continue
    const next = judgingOf(rewrite, judging)
    const judgement = await judge.judge(rewrite.request, next)
    if (!('refusal' in judgement)) return { taken: [...taken, rewrite], left: undefined }
    const reached = judgement.refusal.code
    const helps = PROGRESS.indexOf(reached) > PROGRESS.indexOf(code) || rewrite.part === 'host'
    if (helps) further.push({ request: rewrite.request, judging: next, code: reached, taken: [...taken, rewrite] })
  }
  let best: Found = { taken, left: code }
  for (const next of taken.length + 1 >= MAX_CHANGES ? [] : further) {
    const found = await findChanges(judge, next)
    if (found.left === undefined) return found
    if (PROGRESS.indexOf(found.left) > PROGRESS.indexOf(best.left ?? '')) best = found
  }
  return best
}

function judgingOf({ origin }: Rewrite, judging: JudgeInput): JudgeInput {
  return origin === undefined ? judging : { ...judging, origin }
}

function originOf(request: SavedRequest): string {
  const host = fieldOf(request, 'host')
  const origin = `http://${host}`
  if (host !== undefined && URL.canParse(origin)) return new URL(origin).origin
  throw new CommandError(
    'the request has no Host',
    'say where agents call the service: --origin https://api.example.com',
  )
}

/** Unix milliseconds: `created` of the signature (RFC 9421 section 2.3), or the `Timestamp` of the simple forms. */
function findSigningTime(request: SavedRequest): number | undefined {
  const created = /;created=(\d+)/.exec(fieldOf(request, 'signature-input') ?? '')?.[1]
  const seconds = Number(created ?? fieldOf(request, 'timestamp'))
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined
}

function describeAge(signedMs: number | undefined, nowMs: number): string {
  if (signedMs === undefined) return 'the request does not say when it was signed'
  const seconds = Math.round((nowMs - signedMs) / 1000)
  if (seconds < 0)
    return `signed ${-seconds} s in the future: the clock of the agent is ahead, or that of this machine behind`
  return `signed ${seconds} s ago; it is judged as of the moment of signing unless --at says otherwise`
}

function expectedLines(refusal: Refusal | undefined): readonly string[] {
  const expected = refusal?.diagnosis?.['expected']
  return Array.isArray(expected) ? expected.map(String) : []
}
