import type { ChallengeContext, CheckDescription } from '../check.ts'
import type { HeaderField } from '../header-fields.ts'
import { METRICS } from '../metric-rows.ts'
import { NOTHING, Refusal } from '../refusal/refusal.ts'
import {
  createReplyTemplate,
  ID_MARK,
  isPlainNonce,
  NONCE_MARK,
  type ReplyTemplate,
} from '../refusal/reply-template.ts'
import { publicCode, type Reply, replyTo } from '../refusal/response.ts'
import type { Run } from './state.ts'

/** What most answers announce. */
export const NO_FIELDS: readonly HeaderField[] = []

/** What the checks of a guard announce in the answer to a request that passes. */
export function announceIn({ context, facts }: Run): readonly HeaderField[] {
  const { announcing, environment } = context
  return announcing.flatMap((description) => {
    try {
      return (description.announce?.(facts) ?? NO_FIELDS).filter(isSendable)
    } catch {
      environment.report(METRICS.measure('challenge_failures_total', 1, { check: description.name }))
      return NO_FIELDS
    }
  })
}

/** The answer to a refusal, with the challenges of all checks of the guard. */
export function writeReply(refusal: Refusal, run: Run): Reply {
  return fillTemplate(refusal, run) ?? writeAnew(refusal, run, undefined)
}

/** Most refusals are made by the thousand: the second one of a kind is the first one with another nonce and another id. */
function fillTemplate(refusal: Refusal, run: Run): Reply | undefined {
  try {
    const kind = kindOf(refusal, run)
    if (kind === undefined) return undefined
    const { templates } = run.context
    let template = templates.find(kind)
    if (template === undefined) {
      template = createTemplate(refusal, run)
      templates.keep(kind, template)
    }
    if (!template.asksNonce) return template.fill(run.state.requestId, undefined)
    const nonce = issueNonce(run)
    // Only a plain nonce fits into a template.
    return isPlainNonce(nonce) ? template.fill(run.state.requestId, nonce) : writeAnew(refusal, run, { nonce })
  } catch {
    // The answer is then written without a template, which reports the challenge that failed.
    return undefined
  }
}

/** What an answer depends on, but for nonce and id; `undefined` where it depends on more than a check can tell. */
function kindOf(refusal: Refusal, { context, state }: Run): string | undefined {
  const { settings, descriptions } = context
  const { request, passed } = state
  const { code, credential, hints, members, retryAfterSeconds } = refusal
  if (settings.development || settings.errorDetail === 'full' || passed.length > 0) return undefined
  if (hints !== NOTHING || members !== NOTHING || retryAfterSeconds !== undefined) return undefined
  let kind = `${code} ${credential} ${request.scheme} ${request.authority} ${request.headers.has('origin')}`
  for (const { challenge, challengeKind } of descriptions) {
    if (challenge === undefined) continue
    const own = challengeKind?.(refusal, request)
    if (own === undefined) return undefined
    kind += ` ${own.length}:${own}`
  }
  return kind
}

function createTemplate(refusal: Refusal, run: Run): ReplyTemplate {
  const { descriptions } = run.context
  const issues = descriptions.some(({ issueNonce }) => issueNonce !== undefined)
  const context = new RefusedRequest(refusal, run, { nonce: issues ? NONCE_MARK : undefined })
  const challenges = descriptions.flatMap(({ challenge }) => challenge?.(context) ?? [])
  return createReplyTemplate(replyWith(challenges.filter(isSendable), refusal, run, ID_MARK))
}

function writeAnew(refusal: Refusal, run: Run, issued: IssuedNonce | undefined): Reply {
  return replyWith(collectChallenges(refusal, run, issued), refusal, run, run.state.requestId)
}

function replyWith(challenges: readonly HeaderField[], refusal: Refusal, run: Run, requestId: string): Reply {
  const { authority, headers } = run.state.request
  return replyTo(
    refusal,
    { requestId, realm: authority, exposed: headers.has('origin') ? run.context.exposed : undefined, challenges },
    run.context.settings,
  )
}

/** A challenge that fails costs its header fields, not the answer: the caller is refused for the reason there was. */
function collectChallenges(refusal: Refusal, run: Run, issued: IssuedNonce | undefined): readonly HeaderField[] {
  const { environment } = run.context
  const context = new RefusedRequest(refusal, run, issued)
  return challengersOf(run).flatMap((description) => {
    try {
      return (description.challenge?.(context) ?? []).filter(isSendable)
    } catch {
      const labels = { check: description.name }
      environment.report(METRICS.measure('challenge_failures_total', 1, labels))
      return []
    }
  })
}

/** A caller that was let through without credentials is told by the checks in front what they would have accepted. */
function challengersOf({ context, state }: Run): readonly CheckDescription[] {
  if (state.passed.length === 0 || state.facts.agent !== undefined) return context.descriptions
  return [...new Set([...state.passed, ...context.descriptions])]
}

/** A class for the sake of its getter: see the class of requests in node/request.ts. */
class RefusedRequest implements ChallengeContext {
  readonly refusal: Refusal
  readonly request: ChallengeContext['request']
  readonly environment: ChallengeContext['environment']
  readonly #run: Run
  #issued: IssuedNonce | undefined

  constructor(refusal: Refusal, run: Run, issued: IssuedNonce | undefined) {
    this.#issued = issued
    this.refusal = asTold(refusal, run)
    this.request = run.state.request
    this.environment = run.context.environment
    this.#run = run
  }

  get nonce(): string | undefined {
    this.#issued ??= { nonce: issueNonce(this.#run) }
    return this.#issued.nonce
  }
}

interface IssuedNonce {
  readonly nonce: string | undefined
}

function issueNonce(run: Run): string | undefined {
  const issuing = challengersOf(run).find(({ issueNonce }) => issueNonce !== undefined)
  return issuing?.issueNonce?.(run.context.environment)
}

/** Challenges see what the caller is told: `Signature-Error` must not say what the body keeps to itself. */
function asTold(refusal: Refusal, { context }: Run): Refusal {
  const code = publicCode(refusal, context.settings)
  return code === refusal.code ? refusal : new Refusal(code, refusal.message)
}

/** Node throws at what is no field value (RFC 9110 section 5.5): the refusal would become a failure. */
function isSendable([name, value]: HeaderField): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}
