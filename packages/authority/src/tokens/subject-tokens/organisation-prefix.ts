/**
 * What stands before the names of an organisation's users here. An issuer has no `#`, so that no name of one is a name of
 * another.
 */
export function organisationPrefix(issuer: string): string {
  return `${issuer}#`
}

/** Whether a name is of that form: no issuer of the options may give one. */
export function isOrganisationsName(name: string): boolean {
  return /^https?:\/\/[^#]*#/.test(name)
}

/** What stands before a name that is an organisation's; `undefined` for every other name. */
export function organisationPrefixOf(name: string): string | undefined {
  return isOrganisationsName(name) ? name.slice(0, name.indexOf('#') + 1) : undefined
}
