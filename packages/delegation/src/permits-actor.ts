import { isJsonObject, type JsonObject, ownMember } from './strict-json.ts'

/**
 * Whether the subject of a token lets somebody act for it: `may_act` names them (RFC 8693 section 4.4). An issuer asks before
 * it exchanges the token; a service that receives one does not, because `may_act` grants nothing by itself.
 */
export function permitsActor(
  subjectClaims: JsonObject,
  actor: { readonly id: string; readonly issuer: string },
): boolean {
  const mayAct = ownMember(subjectClaims, 'may_act')
  if (!isJsonObject(mayAct)) return false
  const [id, issuer = ownMember(subjectClaims, 'iss')] = ['sub', 'iss'].map((name) => ownMember(mayAct, name))
  return id === actor.id && issuer === actor.issuer
}
