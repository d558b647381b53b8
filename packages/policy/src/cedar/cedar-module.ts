import { loadOptionalPeer } from '@countermark/core/internal'

/** The name of an entity of Cedar. */
export interface CedarUid {
  /** Its type, with its namespace: `Shop::Order`. */
  readonly type: string
  /** Its id. */
  readonly id: string
}

/** What went wrong, in the words of Cedar. */
export interface CedarError {
  readonly message: string
}

type Answer<Success> =
  | ({ readonly type: 'success' } & Success)
  | { readonly type: 'failure'; readonly errors: readonly CedarError[] }

/** What Cedar decided, by which policies, and which of them failed. */
export interface CedarResponse {
  readonly decision: 'allow' | 'deny'
  readonly diagnostics: {
    readonly reason: readonly string[]
    readonly errors: readonly { readonly error: CedarError }[]
  }
}

/** As much of a schema in JSON as is read here. */
export interface CedarSchemaJson {
  readonly [namespace: string]: {
    readonly entityTypes?: Readonly<Record<string, { readonly shape?: CedarType }>>
    readonly actions?: Readonly<Record<string, { readonly appliesTo?: { readonly context?: CedarType } }>>
    readonly commonTypes?: Readonly<Record<string, CedarType>>
  }
}

/** A type of a schema. */
export interface CedarType {
  readonly type: string
  readonly name?: string
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** Policies by their ids. */
export interface CedarPolicySet {
  readonly staticPolicies: Readonly<Record<string, string>>
}

/** As much of `@cedar-policy/cedar-wasm` as is used here. */
export interface CedarModule {
  readonly preparsePolicySet: (id: string, policies: CedarPolicySet) => Answer<object>
  readonly preparseSchema: (name: string, schema: string) => Answer<object>
  readonly policySetTextToParts: (
    text: string,
  ) => Answer<{ readonly policies: readonly string[]; readonly policy_templates: readonly string[] }>
  readonly policyToJson: (policy: string) => Answer<{
    readonly json: { readonly annotations?: Readonly<Record<string, string | null>> }
  }>
  readonly schemaToJson: (schema: string) => Answer<{ readonly json: CedarSchemaJson }>
  readonly validate: (call: { readonly schema: string; readonly policies: CedarPolicySet }) => Answer<{
    readonly validationErrors: readonly { readonly policyId: string; readonly error: CedarError }[]
  }>
  readonly statefulIsAuthorized: (call: {
    readonly principal: CedarUid
    readonly action: CedarUid
    readonly resource: CedarUid
    readonly context: object
    readonly entities: readonly object[]
    readonly preparsedSchemaName: string
    readonly preparsedPolicySetId: string
    readonly validateRequest: true
  }) => Answer<{ readonly response: CedarResponse }>
}

const PEER = {
  name: '@cedar-policy/cedar-wasm',
  entry: '@cedar-policy/cedar-wasm/nodejs',
  neededBy: 'policies of Cedar',
  place: import.meta.url,
}

/**
 * Loads the engine: its build for Node, which is CommonJS.
 * @throws Misconfigured `ERR_DEPENDENCY_MISSING`
 */
export function loadCedar(): CedarModule {
  try {
    return require('@cedar-policy/cedar-wasm/nodejs')
  } catch (error) {
    return loadOptionalPeer(PEER, error)
  }
}
