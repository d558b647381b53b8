import { isThenable } from '@countermark/core/internal'

/** Goes on at once with what is here, and later with what is not: a promise that need not be costs every request a turn. */
export function after<Value, Next>(
  value: Value | Promise<Value>,
  next: (value: Value) => Next | Promise<Next>,
): Next | Promise<Next> {
  return isThenable(value) ? value.then(next) : next(value)
}
