import { isAgentFetchError } from '../agent-fetch-error.ts'
import type { ApprovalNeeded, ApprovalSource } from '../challenges/approval-source.ts'
import type { AgentToken } from '../tokens/agent-token.ts'
import type { AuthorityAnswer, AuthorityCall } from './authority-api.ts'
import type { AuthorityContext } from './authority-context.ts'
import type { AuthorityApprovals } from './authority-settings.ts'
import type { IdentityKey } from './identity-store.ts'

/** What people are asked with. */
export interface AskPeopleOptions extends AuthorityApprovals {
  /** Where the authority is, without `/` at the end. */
  readonly base: string
  /** The key that signs at this moment. */
  readonly key: () => IdentityKey
}

type State = 'pending' | 'approved' | 'rejected' | 'expired'

const POLL_SECONDS = 5
const APPROVAL_ID = /^[A-Za-z0-9_-]{1,128}$/

/**
 * Asks people at an authority to approve single requests, and waits for what they decide. A service that asks elsewhere is not
 * followed there: it does not choose to whom the agent's key proves itself.
 */
export function askPeople(context: AuthorityContext, options: AskPeopleOptions): ApprovalSource {
  const { base, key } = options
  const asking = (call: AuthorityCall): Promise<AuthorityAnswer> => context.ask(key(), call)
  return async (needed) => {
    const { url, statusUrl } = needed.approval
    if (url !== `${base}/approvals`) return fail(context, url, 'origin_not_allowed')
    const approval = statusUrl === undefined ? await ask(context, needed, asking, options) : idIn(statusUrl, base)
    if (approval === undefined)
      return statusUrl === undefined ? undefined : fail(context, statusUrl, 'origin_not_allowed')
    context.tell({ type: 'approval_asked', approval, url: needed.request.url })
    return wait(context, { approval, signal: needed.signal, waitSeconds: options.waitSeconds }, asking)
  }
}

type Asking = (call: AuthorityCall) => Promise<AuthorityAnswer>

async function ask(
  context: AuthorityContext,
  { approval: { digest, bindingToken }, request, token, signal }: ApprovalNeeded,
  asking: Asking,
  { audience = (origin) => origin, waitSeconds }: AskPeopleOptions,
): Promise<string | undefined> {
  const { body } = request
  if (body === undefined) return fail(context, request.url, 'body_too_large')
  const content = { ...request, body: Buffer.from(body).toString('base64') }
  const known =
    bindingToken === undefined
      ? { audience: audience(new URL(request.url).origin), subject: subjectOf(token), digest }
      : { bindingToken, digest }
  const limited = Math.min(86_400, Math.max(30, Math.ceil(waitSeconds)))
  const asked = { request: content, ...known, waitSeconds: limited }
  const answer = await asking({ method: 'POST', path: '/approvals', body: asked, signal })
  const { id } = answer.body
  if (answer.status === 202 && typeof id === 'string' && APPROVAL_ID.test(id)) return id
  return fail(context, request.url, answer.code ?? String(answer.status))
}

interface Waiting {
  readonly approval: string
  readonly signal: AbortSignal | undefined
  readonly waitSeconds: number
}

async function wait(
  { clock, delay, tell }: AuthorityContext,
  { approval, signal, waitSeconds }: Waiting,
  asking: Asking,
): Promise<string | undefined> {
  const endMs = clock.monotonicMs() + waitSeconds * 1000
  for (;;) {
    const answer = await patiently(asking, { method: 'GET', path: `/approvals/${approval}`, signal })
    const { state, ticket, reason } = answer?.body ?? {}
    if (isDecided(state)) {
      tell({ type: 'approval_decided', approval, state, reason: typeof reason === 'string' ? reason : undefined })
      return state === 'approved' && typeof ticket === 'string' ? ticket : undefined
    }
    const waitMs = (answer?.retryAfterSeconds ?? POLL_SECONDS) * 1000
    if (!(clock.monotonicMs() + waitMs <= endMs)) {
      tell({ type: 'approval_decided', approval, state: 'timeout', reason: undefined })
      return undefined
    }
    await delay(waitMs, signal)
  }
}

function isDecided(state: unknown): state is Exclude<State, 'pending'> {
  return state === 'approved' || state === 'rejected' || state === 'expired'
}

/** People take longer than an authority is away. */
async function patiently(asking: Asking, call: AuthorityCall): Promise<AuthorityAnswer | undefined> {
  try {
    return await asking(call)
  } catch (error) {
    if (isAgentFetchError(error) && error.code === 'authority_unavailable') return undefined
    throw error
  }
}

function fail({ tell }: AuthorityContext, url: string, code: string): undefined {
  tell({ type: 'approval_failed', url, code })
  return undefined
}

function idIn(statusUrl: string, base: string): string | undefined {
  const prefix = `${base}/approvals/`
  const id = statusUrl.startsWith(prefix) ? statusUrl.slice(prefix.length) : ''
  return APPROVAL_ID.test(id) ? id : undefined
}

/** For whom our own token speaks. What it says decides nothing here: the authority works the digest out of it. */
function subjectOf(token: AgentToken | undefined): { readonly issuer: string; readonly id: string } | undefined {
  const payload = token?.value.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const { iss: issuer, sub: id }: Readonly<Record<string, unknown>> = { ...(claims as object) }
    return typeof issuer === 'string' && typeof id === 'string' ? { issuer, id } : undefined
  } catch {
    return undefined // a token that is no JWT says nothing
  }
}
