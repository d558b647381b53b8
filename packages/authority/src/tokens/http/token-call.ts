import type { AgentRequest } from '@countermark/core'
import { type Form, readForm } from './form.ts'

/** A request to an endpoint with its parameters. */
export interface TokenCall {
  readonly request: AgentRequest
  readonly form: Form
}

/** Reads a request. @throws OAuthError `invalid_request` */
export async function readTokenCall(request: AgentRequest): Promise<TokenCall> {
  return { request, form: await readForm(request) }
}
