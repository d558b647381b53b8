import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRefusal } from '@countermark/core'
import type { FieldType } from '../../src/http/component-values.ts'
import { compileComponentList } from '../../src/http/components.ts'
import type { VerifyMessageOptions } from '../../src/http/verify.ts'
import { createSignatureBase, parseSignatureInput, verifyMessage } from '../../src/index.ts'
import { attempt, compare, type JudgeVector, toAgentKey, toSignable, type Vector, type Verdict } from './vector.ts'

const FIELD_TYPES: Readonly<Record<string, FieldType>> = { dict: 'dictionary', list: 'list', item: 'item' }

function fieldType(name: unknown): FieldType {
  const type = FIELD_TYPES[String(name)]
  if (type === undefined) throw new TypeError(`the suite names an unknown type ${name}`)
  return type
}

/** RFC 9421 sections 2.1 and 2.2: one component, its value or the error the text demands. */
export const judgeComponent: JudgeVector = ({ input, expected }) => {
  const types = new Map(Object.entries(input.sf_types ?? {}).map(([name, type]) => [name, fieldType(type)]))
  const outcome = attempt(() =>
    compileComponentList(`(${input.component})`, types)
      .writeBase(toSignable(input.message), '')
      .replace(/"@signature-params": $/, '')
      .trimEnd(),
  )
  if (expected.error === true) {
    return 'error' in outcome && isRefusal(outcome.error) ? 'pass' : { fail: 'a refusal was expected' }
  }
  return 'error' in outcome ? { fail: String(outcome.error) } : compare(expected.line.trimEnd(), outcome.value)
}

/** RFC 9421 appendix B: the base, and whether the signature holds. */
export function judgeMessage(folder: string): JudgeVector {
  const published: readonly Vector[] = JSON.parse(readFileSync(join(folder, 'http-signature/keys.json'), 'utf8')).cases
  const find = (name: string) => published.find((entry) => entry.name === name)?.input.jwk
  return ({ input, expected }) => {
    const jwks = input.keys.map(find)
    if (jwks[0].kty === 'oct') return { skip: 'hmac-sha256 is not offered: nothing is shared' }
    return judgeSignature(
      input,
      expected,
      jwks.map((jwk: never) => toAgentKey(jwk)),
      { policy: 'bare' },
    )
  }
}

/** Web Bot Auth: authority, `expires`, tag, no age limit but the stated end. */
export const judgeWebBotAuth: JudgeVector = ({ input, expected }) =>
  judgeSignature(
    input,
    expected,
    input.jwks.map((jwk: never) => toAgentKey(jwk)),
    {
      tag: 'web-bot-auth',
      policy: { components: ['@authority'], expires: 'required', toleranceSeconds: 5_000_000_000 },
    },
  )

/** The same messages as requests, judged by RFC 9421 alone: whose key verified. */
export const judgeBareRequest: JudgeVector = ({ input, expected }, { setup }) => {
  const [step] = input.steps
  const [{ outcome, agent }] = expected.steps
  const owners = setup.agents.filter(({ keys }: { keys: readonly { kty: string }[] }) => keys[0]?.kty !== 'oct')
  if (agent === 'key:test-shared-secret') return { skip: 'hmac-sha256 is not offered: nothing is shared' }
  const keys = owners.map(({ agent_id: id, keys: [jwk] }: { agent_id: string; keys: never[] }) =>
    toAgentKey(jwk as never, id),
  )
  const message = toSignable({ type: 'request', scheme: setup.scheme, ...step })
  const nowMs = input.clock * 1000
  const options = { keys, nowMs, label: input.label, content: Buffer.from(step.body ?? ''), policy: 'bare' } as const
  const result = attempt(() => verifyMessage(message, options))
  if (outcome === 'reject') return compare(true, 'error' in result && isRefusal(result.error))
  return 'error' in result ? { fail: String(result.error) } : compare(agent, result.value.key.agent.id)
}

function judgeSignature(
  input: Vector['input'],
  expected: Vector['expected'],
  keys: VerifyMessageOptions['keys'],
  options: Pick<VerifyMessageOptions, 'policy' | 'tag'>,
): Verdict {
  const message = toSignable(input.message)
  const nowMs = (input.clock ?? 1_618_884_474) * 1000
  const parsed = parseSignatureInput(message.headers.lines('signature-input'))
  const signatureInput = parsed.find(({ label }) => label === input.label)
  if (signatureInput === undefined) return { fail: 'the label is missing' }
  const base = expected.signature_base ?? expected.signature_base_at_verifier
  if (base !== undefined && createSignatureBase(message, signatureInput) !== base) return { fail: 'another base' }
  const content = Buffer.from(input.message.body ?? '')
  const outcome = attempt(() => verifyMessage(message, { keys, nowMs, label: input.label, content, ...options }))
  return compare(expected.valid, 'value' in outcome)
}
