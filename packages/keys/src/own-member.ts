/** An object out of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whether a value out of JSON is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member that the document itself holds, never one of a prototype; `null` counts as absent. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined
}

/** Whether a value is absent or a point in time, Unix seconds. */
export function isOptionalTime(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
}

/** Whether a value is absent or a short text. */
export function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= 256)
}
