import type { ChallengeContext, CheckDescription, HeaderField } from './check.ts'
import type { Run } from './guard-run.ts'
import { Refusal } from './refusal.ts'
import { publicCode, type Reply, replyTo } from './reply.ts'

/** The answer to a refusal, with the challenges of all checks of the guard. */
export function writeReply(refusal: Refusal, run: Run): Reply {
  const { state, context } = run
  const { request, requestId } = state
  const challenges = collectChallenges(refusal, run)
  const reply = { requestId, realm: request.authority, cors: request.headers.has('origin'), challenges }
  return replyTo(refusal, reply, context.settings)
}

/** A challenge that fails costs its header fields, not the answer: the caller is refused for the reason there was. */
function collectChallenges(refusal: Refusal, run: Run): readonly HeaderField[] {
  const { environment } = run.context
  const descriptions = challengersOf(run)
  const context = new RefusedRequest(refusal, descriptions, run)
  const fields: HeaderField[] = []
  for (const description of descriptions) {
    if (description.challenge === undefined) continue
    try {
      const own = description.challenge(context)
      for (const field of own) if (isSendable(field)) fields.push(field)
    } catch {
      const labels = { check: description.name }
      environment.report({ name: 'challenge_failures_total', kind: 'counter', value: 1, labels })
    }
  }
  return fields
}

/** Whoever was let through without credentials is told by the checks in front what they would have accepted. */
function challengersOf({ context, state }: Run): readonly CheckDescription[] {
  if (state.passed.length === 0 || state.facts.agent !== undefined) return context.descriptions
  return [...new Set([...state.passed, ...context.descriptions])]
}

/** A class for the sake of its getter: see the class of requests in node/node-request.ts. */
class RefusedRequest implements ChallengeContext {
  readonly refusal: Refusal
  readonly request: ChallengeContext['request']
  readonly environment: ChallengeContext['environment']
  readonly #descriptions: readonly CheckDescription[]
  readonly #run: Run
  #issued: { readonly nonce: string | undefined } | undefined

  constructor(refusal: Refusal, descriptions: readonly CheckDescription[], run: Run) {
    this.refusal = asTold(refusal, run)
    this.request = run.state.request
    this.environment = run.context.environment
    this.#descriptions = descriptions
    this.#run = run
  }

  get nonce(): string | undefined {
    this.#issued ??= { nonce: issueNonce(this.#descriptions, this.#run) }
    return this.#issued.nonce
  }
}

function issueNonce(descriptions: readonly CheckDescription[], { context }: Run): string | undefined {
  return descriptions.find(({ issueNonce }) => issueNonce !== undefined)?.issueNonce?.(context.environment)
}

/** Challenges see what the caller is told: `Signature-Error` must not say what the body keeps to itself. */
function asTold(refusal: Refusal, { context }: Run): Refusal {
  const code = publicCode(refusal.code, context.settings)
  return code === refusal.code ? refusal : new Refusal(code, refusal.message)
}

/** Node throws at what is no field value (RFC 9110 section 5.5): the refusal would become a failure. */
function isSendable([name, value]: HeaderField): boolean {
  return (OURS.has(name) || /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

const OURS: ReadonlySet<string> = new Set([
  ...['WWW-Authenticate', 'Signature-Error', 'Accept-Signature', 'Want-Content-Digest', 'DPoP-Nonce'],
])
