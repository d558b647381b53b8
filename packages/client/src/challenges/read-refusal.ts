import { readAtMost } from '../fetch/limits.ts'

/** What a guard says about a request that it refused (RFC 9457). */
export interface RefusalDocument {
  /** The HTTP status. */
  readonly status: number
  /** A word such as `signature_expired`; the guard's docs/refusals.md has a heading for each of ours. */
  readonly code: string
  /** What was refused, for people. */
  readonly title: string | undefined
  /** Told by guards with `errorDetail: 'full'` only. */
  readonly detail: string | undefined
  /** Whether another try can help: with a fresh signature, later, or not at all. */
  readonly retry: 'resign' | 'later' | 'no' | undefined
  /** Names the decision in the backend's logs and audit trail. */
  readonly requestId: string | undefined
  /** The constraint that does not hold, where the agent's own token has it. */
  readonly constraint: string | undefined
  /** Where a human can agree to exactly this request, with `approval_required` and `approval_pending`. */
  readonly approval: RequiredApproval | undefined
}

/** What a service says of a request that needs a human. */
export interface RequiredApproval {
  /** Where approvals are asked for. */
  readonly url: string
  /** What is approved. */
  readonly digest: string
  /** For the approver alone: handed on as it is. @default the service gives none */
  readonly bindingToken?: string
  /** Where the service has left the request: it is asked about there, and not left a second time. @default it has not */
  readonly statusUrl?: string
}

const MAX_BYTES = 65_536
const RETRY_WORDS = ['resign', 'later', 'no'] as const

/**
 * Reads a refusal and leaves the response's own body unread. `undefined` when the response is no refusal of a guard:
 * a success, an error of the application, or an answer of something in between.
 */
export async function readRefusal(response: Response): Promise<RefusalDocument | undefined> {
  const isRefused = response.status >= 400 || response.status === 202
  if (!isRefused || !isProblem(response) || response.body === null) return undefined
  const content = await readAtMost(response, MAX_BYTES)
  const document = content === undefined ? undefined : parseObject(new TextDecoder().decode(content))
  const code = document?.['code']
  if (document === undefined || typeof code !== 'string' || !/^[a-z][a-z0-9_]{0,63}$/.test(code)) return undefined
  return {
    status: response.status,
    code,
    title: textOf(document['title']),
    detail: textOf(document['detail']),
    retry: RETRY_WORDS.find((word) => word === document['retry']),
    requestId: textOf(document['request_id']),
    constraint: textOf(document['constraint']),
    approval: approvalOf(document),
  }
}

function isProblem(response: Response): boolean {
  return /^application\/problem\+json(?:;|$)/i.test(response.headers.get('content-type') ?? '')
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined // whatever it is, it is no problem document
  }
}

function approvalOf(document: Readonly<Record<string, unknown>>): RefusalDocument['approval'] {
  const [url, digest] = [textOf(document['approval_url']), textOf(document['approval_digest'])]
  if (url === undefined || digest === undefined) return undefined
  const bindingToken = textOf(memberOf(document['access_request'], 'binding_token'))
  const statusUrl = textOf(memberOf(document['task'], 'status_endpoint'))
  return {
    ...{ url, digest },
    ...(bindingToken === undefined ? {} : { bindingToken }),
    ...(statusUrl === undefined ? {} : { statusUrl }),
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
