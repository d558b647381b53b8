import { createHash } from 'node:crypto'
import { canonicalJson } from '@countermark/core'
import { isJsonType } from '../arguments/json-type.ts'
import { parseStrictJson } from '../arguments/strict-json.ts'

/** A request as it is approved: who sends what, for whom. */
export interface ApprovalRequest {
  readonly agentId: string
  /** For whom the agent acts, and who says so; `undefined` for an agent that acts for itself. */
  readonly subject: { readonly issuer: string; readonly id: string } | undefined
  readonly method: string
  /** Scheme, authority, path and query, exactly as sent: `https://api.example.com/refunds?dry=1`. */
  readonly url: string
  readonly contentType: string | undefined
  /** As transferred. */
  readonly body: Uint8Array
}

/**
 * What a ticket is for, in 43 characters: the SHA-256 of the canonical JSON (RFC 8785) of the request. Two spellings of one
 * JSON body are one request; any other body counts byte for byte.
 */
export function approvalDigest(request: ApprovalRequest): string {
  const { agentId, subject, method, url } = request
  const statement = {
    statement: 'approval-request-1',
    agent_id: agentId,
    issuer: subject?.issuer ?? null,
    subject: subject?.id ?? null,
    method,
    url,
  }
  return sha256(canonicalJson({ ...statement, ...contentOf(request) }))
}

function contentOf({ body, contentType }: ApprovalRequest): Readonly<Record<string, string>> {
  if (body.length === 0) return {}
  const json = isJsonType(contentType) ? canonicalText(body) : undefined
  if (json !== undefined) return { json_sha256: sha256(json) }
  return { content_type: contentType ?? '', content_sha256: sha256(body) }
}

/** The canonical text of a JSON body; `undefined` when it is none that has one. */
function canonicalText(body: Uint8Array): string | undefined {
  try {
    return canonicalJson(parseStrictJson(body))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url')
}
