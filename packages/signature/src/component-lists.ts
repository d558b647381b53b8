import { type ComponentList, compileComponentList } from './component-list.ts'
import type { FieldType } from './field-component.ts'

/** Finds the compiled form of a component list in canonical form. @throws Refusal `signature_malformed` */
export type FindComponentList = (text: string) => ComponentList

const MAX_LISTS_PER_GENERATION = 128
const MAX_LENGTH = 1024

/**
 * Compiles every list once. Strangers choose the texts, so their number and size are bounded: two generations, the older
 * of which is dropped as a whole; what is in use moves on.
 */
export function createComponentLists(fieldTypes?: ReadonlyMap<string, FieldType>): FindComponentList {
  let current = new Map<string, ComponentList>()
  let previous = new Map<string, ComponentList>()
  return (text) => {
    const known = current.get(text)
    if (known !== undefined) return known
    const list = previous.get(text) ?? compileComponentList(text, fieldTypes)
    if (text.length > MAX_LENGTH) return list
    if (current.size >= MAX_LISTS_PER_GENERATION) {
      previous = current
      current = new Map()
    }
    current.set(text, list)
    return list
  }
}
