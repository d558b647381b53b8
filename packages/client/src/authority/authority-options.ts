import { Misconfigured } from '@countermark/core'
import { callback, custom, flag, methods, number, optionTable, text, word } from '@countermark/core/internal'
import type { AuthorityAgentOptions } from '../agent-fetch-options.ts'
import type { AgentKeyAlgorithm } from '../generate-agent-key.ts'
import { CLOCK, DELAY } from '../option-readers.ts'
import { IDENTITY_OPTIONS } from '../signing-key.ts'
import { isSecureUrl } from '../tokens/token-endpoint-options.ts'
import { createAskAuthority } from './authority-api.ts'
import type { AuthorityContext } from './authority-context.ts'
import type { AuthorityApprovals, AuthoritySettings, AuthorityTokens } from './authority-settings.ts'
import type { EnrolmentSettings } from './enrol.ts'
import type { IdentityStore } from './identity-store.ts'

/** Options after validation. */
export interface AuthorityRules {
  /** Where the authority is, without `/` at the end. */
  readonly base: string
  readonly context: AuthorityContext
  readonly enrolment: EnrolmentSettings
  readonly tokens: AuthorityTokens | undefined
  readonly approvals: AuthorityApprovals | undefined
  readonly rotateAfterDays: number | undefined
  readonly checkEveryMs: number
  readonly timeoutSeconds: number
  readonly allowLoopbackHttp: boolean
}

const ALGORITHMS: readonly AgentKeyAlgorithm[] = ['ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512']

const APPROVALS = optionTable('authority.approvals', {
  waitSeconds: custom((name, given) => {
    if (typeof given === 'number' && given >= 1 && given <= 86_400) return given
    throw new Misconfigured('ERR_OPTION_MISSING', `${name} must say how long a request waits: 1 to 86400 seconds`)
  }),
  audience: callback<(origin: string) => string>(),
})

const OPTIONS = optionTable('authority', {
  url: custom((_name, given) => given as string),
  store: methods<IdentityStore>(['read', 'replace'], "pass fileIdentityStore('/var/lib/my-agent/identity')"),
  code: text(),
  enrolmentSeconds: number({ min: 0, max: 604_800, default: 3600 }),
  algorithm: word(ALGORITHMS, 'ed25519'),
  rotateAfterDays: number({ min: 0.01, max: 3650 }),
  checkEverySeconds: number({ min: 1, max: 86_400, default: 3600 }),
  tokens: custom((_name, given) => given as AuthorityTokens | undefined),
  approvals: custom((name, given) => {
    return given === undefined ? undefined : APPROVALS.read(given as AuthorityApprovals, `${name}.`)
  }),
  onEvent: callback<NonNullable<AuthoritySettings['onEvent']>>(),
  timeoutSeconds: number({ min: 0.01, max: 300, default: 10 }),
  allowLoopbackHttp: flag(false),
})

const TIMES = optionTable('createAuthorityAgent', { clock: CLOCK, delay: DELAY })

/**
 * Validates where an agent is registered; the rest is validated where it is used.
 * @throws Misconfigured
 */
export function readAuthorityOptions(options: AuthorityAgentOptions): AuthorityRules {
  const { agentId, authority, fetch } = options
  const { clock, delay } = TIMES.read({ clock: options.clock, delay: options.delay })
  const { url, store, code, enrolmentSeconds, algorithm, onEvent, ...rest } = OPTIONS.read(authority)
  if (!isSecureUrl(url, rest.allowLoopbackHttp) || new URL(url).search !== '') {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'authority.url must be an https URL without credentials, query and fragment',
    )
  }
  const own = IDENTITY_OPTIONS.find((name) => Reflect.get(options, name) !== undefined)
  if (own !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', `give either ${own} or authority: both say what signs`)
  }
  if (options.token !== undefined && rest.tokens !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'give either token or authority.tokens: both say what is sent')
  }
  if (options.approve !== undefined && rest.approvals !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'give either approve or authority.approvals: both say who asks')
  }
  const base = url.replace(/\/$/, '')
  const timeoutMs = rest.timeoutSeconds * 1000
  const ask = createAskAuthority({ base, agentId, timeoutMs, fetch, clock, delay })
  const { approvals } = rest
  return {
    ...rest,
    base,
    context: { agentId, store, ask, algorithm, clock, delay, tell: onEvent ?? (() => undefined) },
    enrolment: { code, waitSeconds: enrolmentSeconds },
    approvals: approvals && {
      waitSeconds: approvals.waitSeconds,
      ...(approvals.audience && { audience: approvals.audience }),
    },
    checkEveryMs: rest.checkEverySeconds * 1000,
  }
}
