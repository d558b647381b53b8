import { Misconfigured } from '@countermark/core'
import { findConstraint } from '../constraints/constraint-table.ts'
import type { GrantedScopes, ReadScopes } from '../scopes/granted-scopes.ts'
import { tryParseScope } from '../scopes/scope.ts'
import type { RenameScope } from '../scopes/scope-aliases.ts'
import type { BlockCapability, CapabilityBlock } from './load-capability-block.ts'

/** A block as decisions are made by it. */
export interface CompiledBlock {
  readonly agentId: string
  readonly granted: GrantedScopes
  /** Its capabilities, their scopes read. */
  readonly rows: readonly (BlockCapability & { readonly segments: readonly string[] })[]
  readonly constraints: Readonly<Record<string, unknown>>
}

/** What blocks are compiled with. */
export interface BlockCompiler {
  readonly rename: RenameScope
  readonly readRegistered: ReadScopes
  /** Names of constraints that the application checks. */
  readonly hostNames: ReadonlySet<string>
}

/**
 * Compiles blocks, by agent. An unknown constraint would refuse every request, so it stops the start instead.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function compileBlocks(
  blocks: readonly CapabilityBlock[],
  compiler: BlockCompiler,
): ReadonlyMap<string, CompiledBlock> {
  const byAgent = new Map(blocks.map((block) => [block.agentId, compileBlock(block, compiler)]))
  if (byAgent.size === blocks.length) return byAgent
  throw new Misconfigured('ERR_OPTION_INVALID', 'blocks has one block for each agent at most')
}

function compileBlock({ agentId, capabilities, constraints }: CapabilityBlock, compiler: BlockCompiler): CompiledBlock {
  const { rename, readRegistered, hostNames } = compiler
  const named = [constraints, ...capabilities.map((capability) => capability.constraints)].flatMap(Object.keys)
  const unknown = named.find((name) => !hostNames.has(name) && findConstraint(name) === undefined)
  if (unknown !== undefined) {
    const fix = `pass capabilityRules({ constraints: { ${unknown} } })`
    throw new Misconfigured('ERR_OPTION_INVALID', `the constraint ${unknown} of ${agentId} is unknown: ${fix}`)
  }
  const rows = capabilities.map((capability) => ({ ...capability, segments: segmentsOf(capability.scope, rename) }))
  return { agentId, granted: readRegistered(capabilities.map(({ scope }) => scope)), rows, constraints }
}

/** None for a restriction or a role: constraints are about scopes. */
function segmentsOf(scope: string, rename: RenameScope): readonly string[] {
  return tryParseScope(scope, rename)?.segments ?? []
}
