/** On the global object, so that every copy of this package in a program knows. */
const REHEARSAL: unique symbol = Symbol.for('countermark.rehearsal')

const place: typeof globalThis & { [REHEARSAL]?: true } = globalThis

/**
 * From now on guards that are made decide, record nothing and take nothing from budgets, until the answer is called: the command line asks an application's
 * guards in a process of its own, while the service itself holds the audit trail.
 */
export function beginRehearsal(): () => void {
  place[REHEARSAL] = true
  return () => {
    delete place[REHEARSAL]
  }
}

/** Whether what is made now only rehearses. */
export function isRehearsal(): boolean {
  return place[REHEARSAL] === true
}
