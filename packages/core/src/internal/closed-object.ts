const NOTHING: object = Object.freeze(Object.create(null))

/** Copies members into an object that inherits nothing: what other code put on `Object.prototype` is no fact and no option. */
export function bareCopy<Members extends object>(members: Members): Members {
  return Object.assign(Object.create(NOTHING), members)
}

/** Makes the instances of a class inherit nothing, not even what is put on the prototype that they share. */
export function inheritNothing(made: { readonly prototype: object }): void {
  Object.setPrototypeOf(made.prototype, NOTHING)
  Reflect.deleteProperty(made.prototype, 'constructor')
  Object.freeze(made.prototype)
}

/** Something that is kept on objects of others. */
export interface Attachment<Value> {
  readonly find: (owner: object) => Value | undefined
  /** Once for each owner. */
  readonly attach: (owner: object, value: Value) => void
}

/**
 * Keeps values on objects of others. A private member is to other code what an entry of a WeakMap is: it can be neither seen nor
 * set. It costs the garbage collector nothing; WeakMap entries made up most of a guard's time, because they outlive the
 * request until the next full collection.
 */
export function createAttachment<Value>(): Attachment<Value> {
  class Attached extends Given {
    #value: Value

    constructor(owner: object, value: Value) {
      super(owner)
      this.#value = value
    }

    static find(owner: object): Value | undefined {
      return #value in owner ? owner.#value : undefined
    }
  }
  return {
    find: Attached.find,
    attach: (owner, value) => {
      new Attached(owner, value)
    },
  }
}

/** Returns what it is given: a class that extends it puts its private members on an object of other code. */
const Given = function given(object: object): object {
  return object
} as unknown as new (
  object: object,
) => object
