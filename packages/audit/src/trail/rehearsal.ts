/** Every copy of this package in the process reads it. */
const REHEARSAL = Symbol.for('countermark.audit-rehearsal')

/**
 * From now on new trails and streams of events in this process record nothing and open nothing. For a command that loads an
 * application to ask its guards what they would say, beside the service that writes the same files. Answers with what ends it.
 */
export function rehearseTrails(): () => void {
  Reflect.set(globalThis, REHEARSAL, true)
  return () => void Reflect.deleteProperty(globalThis, REHEARSAL)
}

/** Whether trails that are made now record nothing. */
export function isRehearsal(): boolean {
  return Reflect.get(globalThis, REHEARSAL) === true
}
