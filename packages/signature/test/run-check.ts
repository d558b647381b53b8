import { type AgentRequest, isRefusal, type KeySource, type Refusal } from '@countermark/core'
import { aRequest, type SignedRequest, type TestAgent, type TestEnvironment } from '@countermark/testing'
import type { HttpSignaturesOptions } from '../src/http/settings.ts'
import { httpSignatures, type SignatureFacts, type VerifySignatureOptions, verifySignature } from '../src/index.ts'

/** A request as an adapter hands it on, from a signed one. */
export function received(signed: SignedRequest): AgentRequest {
  return aRequest({ ...signed, headers: signed.headerLines })
}

/** The facts, or the refusal, of `verifySignature` alone. */
export async function judge(
  request: AgentRequest,
  environment: TestEnvironment,
  options: VerifySignatureOptions,
): Promise<SignatureFacts | Refusal> {
  try {
    return await verifySignature({ replay: 'elsewhere', ...options })(request, {}, environment)
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

/** The code of the refusal, or `accepted`. */
export async function codeOf(
  request: AgentRequest,
  environment: TestEnvironment,
  keys: KeySource,
  options: HttpSignaturesOptions = {},
): Promise<string> {
  const outcome = await judge(request, environment, { keys, accept: [httpSignatures(options)] })
  return isRefusal(outcome) ? outcome.code : 'accepted'
}

/** Signs and receives in one step. */
export async function signedBy(
  agent: TestAgent,
  request: Parameters<TestAgent['signRequest']>[0],
): Promise<AgentRequest> {
  return received(await agent.signRequest(request))
}
