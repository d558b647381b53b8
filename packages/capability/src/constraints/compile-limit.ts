import type { Judge, LimitTools } from './constraint-check.ts'
import { findConstraint } from './constraint-table.ts'

/** A limit, read once. */
export interface Limit {
  readonly name: string
  /** As the grant says it. */
  readonly limit: unknown
  /** `undefined` when the host judges. */
  readonly judge: Judge | undefined
}

/** What limits are read with. */
export interface LimitCompiler extends LimitTools {
  /** Names of limits that the host judges. */
  readonly hostNames: ReadonlySet<string>
}

const UNKNOWN: Judge = () => 'unknown'

/** Reads a limit. One that nobody knows, or that is written in a way nobody understands, is kept: it refuses. */
export function compileLimit(name: string, limit: unknown, compiler: LimitCompiler): Limit {
  if (compiler.hostNames.has(name)) return { name, limit, judge: undefined }
  return { name, limit, judge: findConstraint(name)?.(limit, compiler) ?? UNKNOWN }
}
