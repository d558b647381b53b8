const NOTHING: object = Object.freeze(Object.create(null))

/** Copies members into an object that inherits nothing: what somebody put on `Object.prototype` is no fact and no option. */
export function bareCopy<Members extends object>(members: Members): Members {
  return Object.assign(Object.create(NOTHING), members)
}
