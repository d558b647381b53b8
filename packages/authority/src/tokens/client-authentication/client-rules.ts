import type { AgentRequest, Environment, KeySource, ReplayStore } from '@countermark/core'
import type { Form } from '../http/form.ts'
import type { AgentClient } from './client.ts'
import type { ServiceSecrets } from './service-secret.ts'

/** Authenticates an agent by the signature of its request. @throws OAuthError `invalid_client`, `temporarily_unavailable` */
export type VerifySignedRequest = (request: AgentRequest, form: Form) => Promise<AgentClient>

/** How clients are known. */
export interface ClientRules {
  /** Whom assertions are addressed to, unless they name the endpoint that they are sent to. */
  readonly issuer: string
  readonly agents: KeySource
  readonly replay: ReplayStore
  readonly environment: Environment
  readonly verifySignedRequest: VerifySignedRequest
  readonly secrets: ServiceSecrets
  /** Counts a request against its client. @throws OAuthError `rate_limited` */
  readonly prove: (request: AgentRequest, clientId: string) => void
}
