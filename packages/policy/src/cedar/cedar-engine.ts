import { Misconfigured } from '@countermark/core'
import { UnreadableAnswer } from '../answer/read-decision.ts'
import type { PolicyDecision, PolicyEngine } from '../engines/engine.ts'
import type { PolicyInput } from '../input/policy-input.ts'
import { type CedarModule, type CedarResponse, loadCedar } from './cedar-module.ts'
import { type CedarEntity, type CedarOptions, type CedarRequest, readCedarOptions } from './cedar-options.ts'
import { type ReadPolicies, readPolicies, requireSuccess } from './cedar-policies.ts'
import { describeForCedar, readDeclared } from './cedar-request.ts'

/**
 * Decides by policies of Cedar, in this process. Needs `@cedar-policy/cedar-wasm`.
 * @throws Misconfigured `ERR_DEPENDENCY_MISSING`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`, and `ERR_OPTION_INVALID` for policies that
 *   do not fit the schema
 * @example
 * consultPolicy(cedar({ policies: readFileSync('agents.cedar', 'utf8'), schema: readFileSync('agents.cedarschema', 'utf8') }))
 */
export function cedar(options: CedarOptions): PolicyEngine {
  const settings = readCedarOptions(options)
  const module = loadCedar()
  const policies = readPolicies(module, settings)
  const describe = settings.describe ?? describerOf(module, settings)
  const { entities: more = [] } = settings
  return {
    name: 'cedar',
    revision: () => policies.revision,
    decide: (input) => {
      const request = describe(input)
      const further = typeof more === 'function' ? more(input) : more
      const response = evaluate(module, policies, { ...request, entities: merged(request.entities, further) })
      return decisionOf(response, policies)
    },
  }
}

function describerOf(module: CedarModule, { schema, namespace }: CedarOptions): (input: PolicyInput) => CedarRequest {
  const declared = readDeclared(requireSuccess('schema', module.schemaToJson(schema)).json)
  const agent = namespace === undefined ? 'Agent' : `${namespace}::Agent`
  if (declared.ofEntity(agent) === undefined) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      `cedar: the schema has no entity ${agent}; declare it, or give describe`,
    )
  }
  return (input) => describeForCedar(input, declared, namespace)
}

/** Of two entities with one name the application's own counts. */
function merged(ours: readonly CedarEntity[], further: readonly CedarEntity[]): readonly CedarEntity[] {
  if (further.length === 0) return ours
  const isTheirs = ({ uid }: CedarEntity): boolean =>
    further.some((other) => other.uid.type === uid.type && other.uid.id === uid.id)
  return [...ours.filter((entity) => !isTheirs(entity)), ...further]
}

/**
 * Asks Cedar.
 * @throws {@link UnreadableAnswer} for a question that does not fit the schema
 */
export function evaluate(
  module: CedarModule,
  { name }: Pick<ReadPolicies, 'name'>,
  request: CedarRequest,
): CedarResponse {
  const { principal, action, resource, context, entities } = request
  const answer = module.statefulIsAuthorized({
    ...{ principal, action, resource, context, entities },
    preparsedSchemaName: name,
    preparsedPolicySetId: name,
    validateRequest: true,
  })
  if (answer.type === 'success') return answer.response
  throw new UnreadableAnswer('malformed', `the question does not fit the schema: ${answer.errors[0]?.message}`)
}

/**
 * Cedar passes over a policy that fails. One of those might have forbidden what the others permit, so a yes beside an error is none.
 * What several policies permit has the obligations of all of them.
 */
function decisionOf({ decision, diagnostics }: CedarResponse, { notes, revision }: ReadPolicies): PolicyDecision {
  const { reason, errors } = diagnostics
  if (decision === 'allow' && errors.length > 0) {
    throw new UnreadableAnswer('undecided', `a policy failed: ${errors[0]?.error.message}`)
  }
  const determining = reason.map((id) => notes.get(id)).filter((found) => found !== undefined)
  const tell = determining.map((found) => found.tell).filter((text) => text !== undefined)
  const obligations = decision === 'allow' ? determining.flatMap((found) => found.obligations) : []
  return {
    allow: decision === 'allow',
    reason: reason.length === 0 ? 'no_permit' : [...reason].sort().join(' '),
    revision,
    ...(tell.length === 0 ? {} : { tell: tell.join(' ') }),
    ...(obligations.length === 0 ? {} : { obligations }),
  }
}
