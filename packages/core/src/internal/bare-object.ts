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

/** Returns what it is given: a class that extends it puts its private members on somebody else's object. */
export const Given = function given(object: object): object {
  return object
} as unknown as new (
  object: object,
) => object
