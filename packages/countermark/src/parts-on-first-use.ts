import type * as ApiKeys from '@countermark/api-keys'
import type * as Audit from '@countermark/audit'
import type * as Delegation from '@countermark/delegation'
import type * as Metrics from '@countermark/metrics'
import type * as Risk from '@countermark/risk'
import { onFirstUse } from './on-first-use.ts'

/** Who acts for whom. */
export const delegationPart: () => typeof Delegation = onFirstUse({
  name: '@countermark/delegation',
  required: () => require('@countermark/delegation'),
  place: import.meta.url,
})

/** How agents behave. */
export const riskPart: () => typeof Risk = onFirstUse({
  name: '@countermark/risk',
  required: () => require('@countermark/risk'),
  place: import.meta.url,
})

/** Keys of an API, for as long as there are any. */
export const apiKeysPart: () => typeof ApiKeys = onFirstUse({
  name: '@countermark/api-keys',
  required: () => require('@countermark/api-keys'),
  place: import.meta.url,
})

const auditPart: () => typeof Audit = onFirstUse({
  name: '@countermark/audit',
  required: () => require('@countermark/audit'),
  place: import.meta.url,
})

const metricsPart: () => typeof Metrics = onFirstUse({
  name: '@countermark/metrics',
  required: () => require('@countermark/metrics'),
  place: import.meta.url,
})

/**
 * Records each decision, allowed or refused, with its evidence, in a hash chain: for the option `recorder`.
 * @example auditTrail({ sinks: [fileSink({ path: '/var/log/app/audit.ndjson' })] })
 * @throws Misconfigured
 */
export const auditTrail: typeof Audit.auditTrail = (options) => auditPart().auditTrail(options)

/**
 * Writes records as lines of JSON, readable by their owner only: for `auditTrail`.
 * @throws Misconfigured
 */
export const fileSink: typeof Audit.fileSink = (options) => auditPart().fileSink(options)

/**
 * Writes the trail's checkpoints into a file of their own, which belongs where the trail's process can only append.
 * @throws Misconfigured `ERR_OPTION_MISSING`
 */
export const fileAnchor: typeof Audit.fileAnchor = (options) => auditPart().fileAnchor(options)

/**
 * Counts decisions in a register of prom-client, for the option `observers`; the option `metrics` does it for you.
 * @throws Misconfigured `ERR_DEPENDENCY_MISSING` without prom-client
 */
export const prometheusMetrics: typeof Metrics.prometheusMetrics = (...given) =>
  metricsPart().prometheusMetrics(...given)

/**
 * Answers a scrape of Prometheus with everything in the register: mount it where Prometheus alone may come.
 * @example app.get('/metrics', metricsHandler())
 * @throws Misconfigured `ERR_DEPENDENCY_MISSING` without prom-client
 */
export const metricsHandler: typeof Metrics.metricsHandler = (...given) => metricsPart().metricsHandler(...given)

/** Auth0: access tokens for an API with a custom audience. @example auth0('tenant.eu.auth0.com') */
export const auth0: typeof Delegation.auth0 = (...given) => delegationPart().auth0(...given)

/** Microsoft Entra: access tokens of one tenant. @example entra('11111111-2222-3333-4444-555555555555') */
export const entra: typeof Delegation.entra = (...given) => delegationPart().entra(...given)

/** Google: ID tokens of service accounts. @example google({ agentIds: { '1234567890': 'agt_reports' } }) */
export const google: typeof Delegation.google = (...given) => delegationPart().google(...given)

/** Keycloak: access tokens of one realm. @example keycloak('https://id.example.com/realms/main') */
export const keycloak: typeof Delegation.keycloak = (...given) => delegationPart().keycloak(...given)

/** Okta: access tokens of a custom authorization server. @example okta('example.okta.com', 'default') */
export const okta: typeof Delegation.okta = (...given) => delegationPart().okta(...given)

/** A SPIFFE trust domain: JWT-SVIDs of its workloads, each of which is an agent. */
export const spiffe: typeof Delegation.spiffe = (...given) => delegationPart().spiffe(...given)

/**
 * A deny-list of users, agents, keys and chains, for `delegation.revocations`: each ends the tokens that it has a part in.
 * @throws Misconfigured
 */
export const createRevocations: typeof Delegation.createRevocations = (...given) =>
  delegationPart().createRevocations(...given)

/** The SHA-256 of an API key as the option `apiKeys` looks it up: keys themselves need not be stored. */
export const hashApiKey: typeof ApiKeys.hashApiKey = (key) => apiKeysPart().hashApiKey(key)
