import type { ChallengeContext, CheckDescription, HeaderField } from './check.ts'
import type { Run } from './guard-run.ts'
import { fieldBit } from './header-fields.ts'
import { NOTHING, Refusal } from './refusal.ts'
import { publicCode, type Reply, replyTo } from './reply.ts'

/** An answer whose nonce and id are still to be filled in. */
interface Template {
  readonly status: number
  readonly fixed: readonly HeaderField[]
  /** Where the nonce goes: the index of the field, and what stands before and behind it. */
  readonly nonces: readonly { readonly at: number; readonly name: string; readonly parts: readonly string[] }[]
  readonly body: readonly string[]
}

const MOST_TEMPLATES = 512
/** Looks like a nonce and an id, and is none. */
const NONCE_MARK = 'nonce-nonce-nonce-nonce-nonce-nonce-nonce-nonce-012'
const ID_MARK = '00000000-0000-4000-8000-000000000000'
const templates = new WeakMap<object, Map<string, Template>>()

/** The answer to a refusal, with the challenges of all checks of the guard. */
export function writeReply(refusal: Refusal, run: Run): Reply {
  const key = keyOf(refusal, run)
  if (key === undefined) return writeAnew(refusal, run)
  let known = templates.get(run.context)
  if (known === undefined) {
    known = new Map()
    templates.set(run.context, known)
  }
  let template = known.get(key)
  if (template === undefined) {
    template = createTemplate(refusal, run)
    if (known.size < MOST_TEMPLATES) known.set(key, template)
  }
  return fill(template, run)
}

/** What an answer depends on, but for nonce and id; `undefined` where it depends on more. */
function keyOf(refusal: Refusal, { context, state }: Run): string | undefined {
  const { settings } = context
  const { request } = state
  const { mask } = request.headers
  const isPlain =
    mask !== undefined &&
    !settings.development &&
    settings.errorDetail !== 'full' &&
    state.passed.length === 0 &&
    refusal.hints === NOTHING &&
    refusal.members === NOTHING &&
    refusal.retryAfterSeconds === undefined
  if (!isPlain || (mask & SIGNATURE_AGENT) !== 0) return undefined
  const about = (request.hasBody ? 4 : 0) + (request.query === undefined ? 0 : 2) + (request.method === 'GET' ? 1 : 0)
  return `${refusal.code} ${refusal.credential} ${mask} ${about} ${request.authority}`
}

const SIGNATURE_AGENT = fieldBit('signature-agent')

function createTemplate(refusal: Refusal, run: Run): Template {
  const { state, context } = run
  const { request } = state
  const challenges = collectChallenges(refusal, run, NONCE_MARK)
  const cors = request.headers.has('origin')
  const reply = replyTo(refusal, { requestId: ID_MARK, realm: request.authority, cors, challenges }, context.settings)
  const nonces: Template['nonces'][number][] = []
  for (const [at, [name, value]] of reply.headers.entries()) {
    if (value.includes(NONCE_MARK)) nonces.push({ at, name, parts: value.split(NONCE_MARK) })
  }
  return { status: reply.status, fixed: reply.headers, nonces, body: reply.body.split(ID_MARK) }
}

function fill({ status, fixed, nonces, body }: Template, { context, state }: Run): Reply {
  const text = body.join(state.requestId)
  if (nonces.length === 0) return { status, headers: fixed, body: text }
  const nonce = issueNonce(context.descriptions, context)
  const headers = fixed.slice()
  for (const { at, name, parts } of nonces) headers[at] = [name, parts.join(nonce ?? '')]
  return { status, headers, body: text }
}

function writeAnew(refusal: Refusal, run: Run): Reply {
  const { state, context } = run
  const { request, requestId } = state
  const challenges = collectChallenges(refusal, run, undefined)
  const reply = { requestId, realm: request.authority, cors: request.headers.has('origin'), challenges }
  return replyTo(refusal, reply, context.settings)
}

/** A challenge that fails costs its header fields, not the answer: the caller is refused for the reason there was. */
function collectChallenges(refusal: Refusal, run: Run, mark: string | undefined): readonly HeaderField[] {
  const { environment } = run.context
  const descriptions = challengersOf(run)
  const context = new RefusedRequest(refusal, descriptions, run, mark)
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

  constructor(refusal: Refusal, descriptions: readonly CheckDescription[], run: Run, mark: string | undefined) {
    const issues = descriptions.some(({ issueNonce }) => issueNonce !== undefined)
    this.#issued = mark !== undefined && issues ? { nonce: mark } : undefined
    this.refusal = asTold(refusal, run)
    this.request = run.state.request
    this.environment = run.context.environment
    this.#descriptions = descriptions
    this.#run = run
  }

  get nonce(): string | undefined {
    this.#issued ??= { nonce: issueNonce(this.#descriptions, this.#run.context) }
    return this.#issued.nonce
  }
}

function issueNonce(descriptions: readonly CheckDescription[], context: Run['context']): string | undefined {
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
