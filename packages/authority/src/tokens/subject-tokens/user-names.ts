import type { ConsentSettings } from '../consent/consent-options.ts'
import type { IdJagIssuerSettings, UserIssuerSettings } from './trusted-issuers.ts'

/** What users are called in our tokens: by their provider's name behind the prefix that this provider has here. */
export interface UserNames {
  /**
   * Names of one user. Without an issuer, or with our own, `subject` may be our name or that of any provider: what is stopped in
   * doubt is stopped.
   */
  readonly find: (subject: string, issuer?: string) => Promise<readonly string[]>
  /** Who the same user is in tokens of others, which doors may take as they are. In doubt every issuer that is known. */
  readonly findElsewhere: (subject: string, issuer?: string) => Promise<readonly UserElsewhere[]>
}

/** A user by the name that their issuer has for them. */
export interface UserElsewhere {
  readonly issuer: string
  readonly subject: string
}

/** The issuer of a user and what stands before its names here. */
export interface KnownPrefix {
  readonly issuer: string
  readonly prefix: string
}

/** Prefixes of the issuers in the options. */
export function configuredPrefixes(
  users: ReadonlyMap<string, UserIssuerSettings>,
  idJag: ReadonlyMap<string, IdJagIssuerSettings>,
  consent: ConsentSettings | undefined,
): readonly KnownPrefix[] {
  return [
    ...[...users, ...idJag].map(([issuer, { subjectPrefix }]) => ({ issuer, prefix: subjectPrefix })),
    ...(consent === undefined ? [] : [{ issuer: consent.provider.issuer, prefix: consent.subjectPrefix }]),
  ]
}

/** Makes the look-up. @param list every prefix that is known at the moment */
export function createUserNames(own: string, list: () => Promise<readonly KnownPrefix[]>): UserNames {
  return {
    findElsewhere: async (subject, issuer) => {
      if (issuer !== undefined && issuer !== own) return [{ issuer, subject }]
      return (await list()).flatMap((known) => namesElsewhere(known, subject))
    },
    find: async (subject, issuer) => {
      const known = await list()
      const isAnyones = issuer === undefined || issuer === own
      const fitting = known.filter((one) => isAnyones || one.issuer === issuer)
      const names = fitting.map(({ prefix }) => `${prefix}${subject}`)
      // Of an issuer that is not trusted any more the prefix is no longer known.
      return [...new Set(isAnyones || fitting.length === 0 ? [subject, ...names] : names)]
    },
  }
}

/** As it was said, and without the prefix that only we put in front. */
function namesElsewhere({ issuer, prefix }: KnownPrefix, subject: string): readonly UserElsewhere[] {
  const isOurs = prefix !== '' && subject.startsWith(prefix) && subject.length > prefix.length
  return (isOurs ? [subject, subject.slice(prefix.length)] : [subject]).map((name) => ({ issuer, subject: name }))
}
