const NOTHING: object = Object.freeze(Object.create(null))

/** Copies members into an object that inherits nothing: what somebody put on `Object.prototype` is no fact and no option. */
export function bareCopy<Members extends object>(members: Members): Members {
  return Object.assign(Object.create(NOTHING), members)
}

/** Makes the instances of a class inherit nothing, not even what is put on the prototype that they share. */
export function inheritNothing(made: { readonly prototype: object }): void {
  Object.setPrototypeOf(made.prototype, NOTHING)
  Reflect.deleteProperty(made.prototype, 'constructor')
  Object.freeze(made.prototype)
}
