/** Goes on with a value, at once when it is there. */
export function then<Value, Next>(
  value: Value | Promise<Value>,
  next: (value: Value) => Next | Promise<Next>,
): Next | Promise<Next> {
  return isThenable(value) ? value.then(next) : next(value)
}

/** Whether something must be awaited. Awaiting what need not be costs every request a turn. */
export function isThenable<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  if (value instanceof Promise) return true
  return typeof (value as { readonly then?: unknown }).then === 'function'
}
