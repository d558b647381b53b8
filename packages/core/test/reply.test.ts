import { readFileSync } from 'node:fs'
import { type GuardOptions, Refusal, type RefusalCode, type RefusalRow, Unavailable } from '../src/index.ts'
import { REFUSAL_CODES, type StatusMode, type Verdict } from '../src/internal.ts'
import { aGuard, aRequest, atOnce, codeOf, describedAs, fieldOf, problemOf, refuseWith } from './guarding.ts'

/** What each code looks like on the wire: standard, wba, seed, Signature-Error's word, and when trying again helps. */
const TABLE: Readonly<Record<string, readonly [number, number, number, string | undefined, string]>> = {
  credentials_missing: [401, 403, 401, undefined, 'resign'],
  scheme_not_allowed: [401, 403, 403, 'unsupported_scheme', 'resign'],
  request_malformed: [400, 400, 400, 'invalid_request', 'no'],
  headers_too_large: [431, 431, 431, undefined, 'no'],
  authority_mismatch: [400, 400, 400, undefined, 'no'],
  signature_malformed: [400, 400, 403, 'invalid_signature', 'no'],
  signature_expired: [401, 403, 403, 'invalid_signature', 'resign'],
  signature_not_yet_valid: [401, 403, 403, 'invalid_signature', 'resign'],
  nonce_missing: [401, 403, 403, 'invalid_signature', 'resign'],
  coverage_insufficient: [401, 403, 403, 'invalid_input', 'resign'],
  algorithm_not_allowed: [401, 403, 403, 'unsupported_algorithm', 'resign'],
  key_unknown: [401, 403, 403, 'unknown_key', 'no'],
  key_invalid: [401, 403, 403, 'invalid_key', 'no'],
  key_revoked: [401, 403, 403, 'invalid_key', 'no'],
  key_expired: [401, 403, 403, 'invalid_key', 'no'],
  key_not_yet_valid: [401, 403, 403, 'invalid_key', 'no'],
  signature_invalid: [401, 403, 403, 'invalid_signature', 'no'],
  key_source_unavailable: [503, 503, 503, undefined, 'later'],
  digest_mismatch: [400, 400, 403, 'invalid_signature', 'no'],
  body_too_large: [413, 413, 413, undefined, 'no'],
  replay_detected: [401, 429, 403, 'invalid_signature', 'resign'],
  replay_store_unavailable: [503, 503, 503, undefined, 'later'],
  freshness_unproven: [401, 403, 403, 'invalid_signature', 'resign'],
  agent_suspended: [403, 403, 403, undefined, 'no'],
  agent_mismatch: [403, 403, 403, undefined, 'no'],
  api_key_unknown: [401, 401, 403, undefined, 'no'],
  api_key_brownout: [403, 403, 403, undefined, 'later'],
  api_key_sunset: [401, 401, 403, undefined, 'resign'],
  token_malformed: [401, 401, 403, undefined, 'no'],
  token_invalid: [401, 401, 403, undefined, 'no'],
  token_expired: [401, 401, 403, undefined, 'no'],
  token_audience: [401, 401, 403, undefined, 'no'],
  token_binding_mismatch: [401, 401, 403, undefined, 'no'],
  dpop_proof_invalid: [401, 401, 403, undefined, 'resign'],
  dpop_nonce_required: [401, 401, 403, undefined, 'resign'],
  actor_mismatch: [401, 401, 403, undefined, 'no'],
  actor_unauthorized: [403, 403, 403, undefined, 'no'],
  chain_invalid: [401, 401, 403, undefined, 'no'],
  token_revoked: [401, 401, 403, undefined, 'no'],
  revocation_unavailable: [503, 503, 503, undefined, 'later'],
  insufficient_scope: [403, 403, 403, undefined, 'no'],
  constraint_violation: [403, 403, 403, undefined, 'no'],
  constraint_unknown: [403, 403, 403, undefined, 'no'],
  approval_required: [403, 403, 403, undefined, 'no'],
  approval_pending: [202, 202, 202, undefined, 'later'],
  budget_store_unavailable: [503, 503, 503, undefined, 'later'],
  idempotency_key_reused: [422, 422, 422, undefined, 'no'],
  idempotency_in_progress: [409, 409, 409, undefined, 'later'],
  idempotency_store_unavailable: [503, 503, 503, undefined, 'later'],
  risk_throttled: [429, 429, 429, undefined, 'later'],
  risk_read_only: [403, 403, 403, undefined, 'no'],
  risk_blocked: [403, 403, 403, undefined, 'no'],
  risk_unavailable: [503, 503, 503, undefined, 'later'],
  policy_denied: [403, 403, 403, undefined, 'no'],
  policy_unavailable: [503, 503, 503, undefined, 'later'],
  rate_limited: [429, 429, 429, undefined, 'later'],
  overloaded: [503, 503, 503, undefined, 'later'],
  audit_unavailable: [503, 503, 503, undefined, 'later'],
  config_error: [500, 500, 500, undefined, 'no'],
}

const CODES = Object.keys(TABLE) as readonly RefusalCode[]
const MODES: readonly StatusMode[] = ['standard', 'wba', 'seed']
const FIELDS = [
  ['Signature-Error', 'error=invalid_signature'],
  ['Accept-Signature', 'sig1=("@method")'],
  ['Want-Content-Digest', 'sha-256=1'],
] as const
const CHALLENGING = Object.assign(
  describedAs('c', [], () => ({})),
  {
    description: { name: 'c', needs: [], adds: [], challenge: () => FIELDS },
  },
)

function refused(code: RefusalCode, options: Partial<GuardOptions> = {}): Verdict {
  return atOnce(aGuard([refuseWith(code), CHALLENGING], options)(aRequest()))
}

it('the table knows every code, and no other', () => {
  expect(CODES).toEqual(Object.keys(REFUSAL_CODES))
})

describe.each(CODES)('%s', (code) => {
  const [standard, wba, seed, error, retry] = TABLE[code] ?? []

  it('has its status in every mode', () => {
    const statuses = MODES.map((statusMode) => problemOf(refused(code, { statusMode }))['status'])
    expect(statuses).toEqual([standard, wba, seed])
  })

  it('has the same status in the answer and in the document', () => {
    const verdict = refused(code)
    expect(verdict.outcome === 'deny' && verdict.reply.status).toBe(problemOf(verdict)['status'])
  })

  it('says whether trying again helps, and when', () => {
    const verdict = refused(code)
    expect([problemOf(verdict)['retry'], fieldOf(verdict, 'retry-after')]).toEqual([
      retry,
      retry === 'later' ? ['1'] : [],
    ])
  })

  it('is named by code and title, without a word more', () => {
    const { instance, request_id: id, type, ...rest } = problemOf(refused(code))
    const { title } = REFUSAL_CODES[code as keyof typeof REFUSAL_CODES]
    expect(rest).toEqual({ title, status: standard, code, retry })
    expect(instance).toBe(`urn:uuid:${id}`)
    const row: RefusalRow = REFUSAL_CODES[code as keyof typeof REFUSAL_CODES]
    const urn = error === undefined ? `urn:agent-auth:error:${code}` : `urn:ietf:params:sig-error:${error}`
    expect(type).toBe(row.type ?? urn)
  })

  it('carries a challenge whenever it is 401', () => {
    for (const statusMode of MODES) {
      const verdict = refused(code, { statusMode })
      const challenged = fieldOf(verdict, 'www-authenticate')
      expect(challenged).toEqual(problemOf(verdict)['status'] === 401 ? ['Signature realm="api.example.com"'] : [])
    }
  })

  it('as 403 carries Signature-Error and Accept-Signature only where a fresh signature helps and the mode asks', () => {
    for (const statusMode of MODES) {
      const verdict = refused(code, { statusMode })
      const carried = ['signature-error', 'accept-signature'].map((name) => fieldOf(verdict, name).length)
      const allowed = problemOf(verdict)['status'] !== 403 || (statusMode !== 'standard' && retry === 'resign')
      expect(carried).toEqual(allowed ? [1, 1] : [0, 0])
      expect(fieldOf(verdict, 'want-content-digest')).toEqual(['sha-256=1'])
    }
  })

  it('is never stored, never cached', () => {
    const verdict = refused(code)
    expect(fieldOf(verdict, 'cache-control')).toEqual(['no-store'])
    expect(fieldOf(verdict, 'content-type')).toEqual(['application/problem+json'])
  })
})

describe('errorDetail', () => {
  const HIDDEN = [
    'key_unknown',
    'key_invalid',
    'key_revoked',
    'key_expired',
    'key_not_yet_valid',
    'agent_suspended',
    'agent_mismatch',
    'algorithm_not_allowed',
    'key_source_unavailable',
  ] as const

  it.each(HIDDEN)('minimal answers %s exactly as a signature that does not verify', (code) => {
    const [hidden, plain] = [code, 'signature_invalid' as const].map((each) => {
      const verdict = refused(each, { errorDetail: 'minimal' })
      const { request_id: _id, instance: _instance, ...rest } = problemOf(verdict)
      return { rest, headers: verdict.outcome === 'deny' && verdict.reply.headers }
    })
    expect(hidden).toEqual(plain)
  })

  it('minimal does not say when to come back, and says so still where a token brought it about', () => {
    const answer = (credential?: 'token'): Verdict => {
      const details = { retryAfterSeconds: 6, ...(credential === undefined ? {} : { credential }) }
      const check = describedAs('fail', [], () => {
        throw new Unavailable('key_source_unavailable', 'keys', 'no answer in 50 ms', details)
      })
      return atOnce(aGuard([check], { errorDetail: 'minimal' })(aRequest()))
    }
    const told = [answer(), answer('token')].map((verdict) => [
      problemOf(verdict)['status'],
      problemOf(verdict)['code'],
      fieldOf(verdict, 'retry-after'),
    ])
    expect(told).toEqual([
      [401, 'signature_invalid', []],
      [503, 'key_source_unavailable', ['6']],
    ])
  })

  it('minimal keeps the exact code for those who operate', () => {
    const verdict = refused('key_unknown', { errorDetail: 'minimal' })
    expect(verdict.outcome === 'deny' && verdict.refusal.code).toBe('key_unknown')
  })

  it('minimal leaves every other code as it is', () => {
    const told = CODES.map((code) => problemOf(refused(code, { errorDetail: 'minimal' }))['code'])
    expect(told).toEqual(CODES.map((code) => (HIDDEN.some((each) => each === code) ? 'signature_invalid' : code)))
  })

  it('full says in a sentence what was expected', () => {
    expect(problemOf(refused('key_unknown', { errorDetail: 'full' }))['detail']).toBe('expected otherwise')
    expect(problemOf(refused('key_unknown'))).not.toHaveProperty('detail')
  })
})

describe('development', () => {
  const fail = (refusal: Refusal): Verdict => {
    const check = describedAs('fail', [], () => {
      throw refusal
    })
    return atOnce(aGuard([check], { development: true })(aRequest()))
  }

  it('shows the diagnosis', () => {
    const verdict = fail(new Refusal('signature_invalid', 'no', { diagnosis: { base: '"@method": GET' } }))
    expect(problemOf(verdict)).toMatchObject({ detail: 'no', diagnosis: { base: '"@method": GET' } })
  })

  it('names the dependency that failed', () => {
    const verdict = fail(new Unavailable('replay_store_unavailable', 'replay', 'no answer in 50 ms'))
    expect(problemOf(verdict)['dependency']).toBe('replay')
  })

  it('links to the heading of the docs, a file on this machine', () => {
    const [link = ''] = fieldOf(fail(new Refusal('signature_invalid', 'no')), 'link')
    const [, page = '', code] = /^<(file:.+\/refusals\.md)#(\w+)>; rel="help"$/.exec(link) ?? []
    expect(code).toBe('signature_invalid')
    expect(readFileSync(new URL(page), 'utf8')).toContain('\n## signature_invalid\n')
  })

  it('links nowhere for a code of another package', () => {
    const check = describedAs('fail', [], () => {
      throw new Refusal('weather_bad' as RefusalCode, 'no')
    })
    const refusals = { weather_bad: { title: 'Bad weather', status: 403, retry: 'no' } } as const
    const verdict = atOnce(aGuard([check], { development: true, refusals })(aRequest()))
    expect([codeOf(verdict), fieldOf(verdict, 'link')]).toEqual(['weather_bad', []])
  })

  it('is off otherwise: neither is told, and nothing is linked', () => {
    const check = describedAs('fail', [], () => {
      throw new Unavailable('replay_store_unavailable', 'replay', 'no', { diagnosis: { secret: 1 } })
    })
    const problem = problemOf(atOnce(aGuard([check], { errorDetail: 'full' })(aRequest())))
    expect([problem['diagnosis'], problem['dependency']]).toEqual([undefined, undefined])
    expect(fieldOf(atOnce(aGuard([check])(aRequest())), 'link')).toEqual([])
  })
})

describe('Retry-After', () => {
  it.each([
    [2.1, '3'],
    [0, '0'],
    [120, '120'],
    [1e9, '86400'],
    [Number.NaN, undefined],
    [-1, undefined],
  ])('of %p seconds is %p', (retryAfterSeconds, expected) => {
    const check = describedAs('fail', [], () => {
      throw new Refusal('rate_limited', 'slower', { retryAfterSeconds })
    })
    expect(fieldOf(atOnce(aGuard([check])(aRequest())), 'retry-after')[0]).toBe(expected)
  })
})

describe('a browser of another origin', () => {
  it('may read the challenge', () => {
    const rawHeaders = ['Host', 'api.example.com', 'Origin', 'https://shop.example']
    const verdict = atOnce(aGuard([refuseWith('signature_expired')])(aRequest({ rawHeaders })))
    expect(fieldOf(verdict, 'access-control-expose-headers')[0]).toContain('Accept-Signature')
    expect(fieldOf(refused('signature_expired'), 'access-control-expose-headers')).toEqual([])
  })
})
