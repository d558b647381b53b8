import { staticKeys } from '@countermark/keys'
import type { AgentEntry } from './agents-file.ts'
import type { Judge, JudgeInput } from './judge-request.ts'
import { fieldOf, type SavedRequest } from './saved-request.ts'

/** Where a signature does not verify: what is asked about the other keys that are registered. */
export interface OtherKeysInput {
  readonly request: SavedRequest
  readonly judging: JudgeInput
  readonly agents: readonly AgentEntry[]
}

/**
 * One sentence: whether another key verifies what the named one does not. Without it a wrong key looks like a changed request.
 * `undefined` where the request names no key, or none is known.
 */
export async function tellOtherKeys(
  judge: Judge,
  { request, judging, agents }: OtherKeysInput,
): Promise<string | undefined> {
  const keyId = findKeyId(request)
  const agentId = fieldOf(request, 'agent-id')
  if (keyId === undefined || agents.length === 0) return undefined
  for (const { id, keys = [] } of agents) {
    for (const key of keys) {
      if (typeof key.jwk !== 'object') continue
      const asNamed = staticKeys([{ agentId: agentId ?? id, key: { ...key.jwk, kid: keyId }, keyId }])
      const judgement = await judge.judge(request, { ...judging, keys: asNamed })
      if ('refusal' in judgement) continue
      const whose = id === agentId || agentId === undefined ? 'another key of this agent' : `a key of ${id}`
      return `${whose} verifies the signature: ${key.id}; the request names ${keyId}`
    }
  }
  const agent = agentId ?? 'any agent'
  return `no registered key of ${agent} verifies the signature: register the public half of the key that signs, or look for what changed`
}

function findKeyId(request: SavedRequest): string | undefined {
  return /;keyid="([^"]+)"/.exec(fieldOf(request, 'signature-input') ?? '')?.[1] ?? fieldOf(request, 'key-id')
}
