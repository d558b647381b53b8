import { body } from '@countermark/capability'
import type { ReplayStore } from '@countermark/core'
import type { CountermarkOptions } from 'countermark/express'
import { type AuthorityLink, fromAuthority } from 'countermark/express'
import type { BackendConfig } from './backend-config.ts'
import { createGuardOptions } from './checks.ts'
import type { Observation } from './seeing/observation.ts'

/** Keys, issuers, approvals and stops of the authority, for this process. */
export function linkToAuthority({ authority, service, port, audience }: BackendConfig): AuthorityLink {
  const local = { allowHttp: true, allowPrivateAddresses: true }
  return fromAuthority(authority.url, { door: `${service}-${port}`, token: authority.doorToken, audience, ...local })
}

/** What `countermark` is given where an authority says everything. */
export function managedOptions(
  config: BackendConfig,
  link: AuthorityLink,
  { observation, store }: { readonly observation: Observation; readonly store: ReplayStore },
): CountermarkOptions {
  const { audience } = config
  const options = { authority: link, replay: store, delegation: { audience }, onRefusal: () => undefined }
  return { ...createGuardOptions(config, observation), ...options }
}

/** Where the values of a refund are. */
export const REFUND = { amount: body('/amount'), currency: body('/currency') }
