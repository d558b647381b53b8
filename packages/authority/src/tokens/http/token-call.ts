import type { AgentRequest } from '@countermark/core'
import { findStopMark, type StopMark } from '../revocation/token-stops.ts'
import type { TokenSettings } from '../token-settings.ts'
import { type Form, readForm } from './form.ts'

/** A request to an endpoint with its parameters. */
export interface TokenCall {
  readonly request: AgentRequest
  readonly form: Form
  /** What is stopped from here on gives nothing. */
  readonly since: StopMark
}

/** Reads a request. @throws OAuthError `invalid_request` */
export async function readTokenCall(request: AgentRequest, { tables }: TokenSettings): Promise<TokenCall> {
  const form = await readForm(request)
  return { request, form, since: await findStopMark(tables.reads) }
}
