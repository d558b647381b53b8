import { Refusal } from '@countermark/core'
import { z } from 'zod'
import { changePerson, createPerson, findPerson, leavePerson, viewPerson } from '../registry/people.ts'
import { findTemplate, listTemplates, putTemplate } from '../registry/templates.ts'
import { createTenant, requireTenant } from '../registry/tenants.ts'
import { act, type Endpoint, param, read } from './endpoint.ts'
import { readCursor, toPage } from './pages.ts'
import {
  callerName,
  ceiling,
  constraints,
  label,
  listOf,
  page,
  personAnswer,
  personId,
  role,
  roleTenant,
  slug,
} from './schemas.ts'

const TENANT = z.object({ id: z.string(), name: z.string() })
const ROLE = z.strictObject({ caller: callerName, tenant: roleTenant, role })
const TEMPLATE = z.object({
  ...{ tenant: z.string(), id: z.string(), ceiling: z.array(z.string()) },
  ...{ constraints: z.record(z.string(), z.unknown()), revision: z.number() },
})

/** Tenants, and who may do what in them. */
export const TENANT_ENDPOINTS: readonly Endpoint[] = [
  act({
    ...{ method: 'POST', path: '/tenants', operation: 'createTenant', summary: 'Register a tenant' },
    allows: ['admin'],
    ...{ status: 201, body: z.strictObject({ id: slug, name: label }), answer: TENANT },
    act: async (tables, { body, nowMs }) => {
      const { id, name } = await createTenant(tables, body, nowMs)
      return { value: { id, name }, event: 'tenant_created', details: { tenant: id } }
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/roles',
      operation: 'giveRole',
      summary: 'Give a caller a role in one tenant or in all',
    },
    allows: ['admin'],
    ...{ status: 201, body: ROLE, answer: ROLE },
    act: async (tables, { body }) => {
      if (body.tenant !== '*') await requireTenant(tables, body.tenant)
      await tables
        .insertInto('caller_roles')
        .values(body)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return {
        value: body,
        event: 'role_given',
        details: { tenant: body.tenant, role: body.role },
        people: { to: body.caller },
      }
    },
  }),
  act({
    ...{ method: 'POST', path: '/roles/removal', operation: 'takeRole', summary: 'Take a role away' },
    allows: ['admin'],
    ...{ body: ROLE, answer: ROLE },
    act: async (tables, { body }) => {
      const { caller, tenant, role: held } = body
      const query = tables.deleteFrom('caller_roles').where('caller', '=', caller).where('tenant', '=', tenant)
      const { numDeletedRows } = await query.where('role', '=', held).executeTakeFirst()
      if (Number(numDeletedRows) === 0) throw new Refusal('not_found', 'the caller has no such role')
      return { value: body, event: 'role_taken', details: { tenant, role: held }, people: { from: caller } }
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/tenants/{tenant}/people',
      operation: 'createPerson',
      summary: 'Register a person who may own agents',
    },
    allows: ['admin'],
    ...{ status: 201, body: z.strictObject({ id: personId, name: label, ceiling }), answer: personAnswer },
    act: async (tables, request) => {
      const tenant = param(request, 'tenant')
      await requireTenant(tables, tenant)
      const person = await createPerson(tables, { ...request.body, tenant }, request.nowMs)
      return personResult(person, 'person_created')
    },
  }),
  read({
    ...{ path: '/tenants/{tenant}/people', operation: 'listPeople', summary: 'People of a tenant, by id' },
    allows: ['admin', 'operator', 'auditor'],
    ...{ query: z.strictObject(page), answer: listOf(personAnswer) },
    read: async (tables, request) => {
      const { limit, cursor } = request.query
      const query = tables.selectFrom('people').selectAll().where('tenant', '=', param(request, 'tenant'))
      const found = await query
        .where('id', '>', readCursor(cursor))
        .orderBy('id')
        .limit(limit + 1)
        .execute()
      const { rows, next } = toPage(found, limit, ({ id }) => id)
      return { value: { items: rows.map(viewPerson), next } }
    },
  }),
  read({
    ...{ path: '/tenants/{tenant}/people/{person}', operation: 'getPerson', summary: 'One person' },
    allows: ['admin', 'operator', 'auditor'],
    answer: personAnswer,
    read: async (tables, request) => {
      const person = await findPerson(tables, param(request, 'tenant'), param(request, 'person'))
      return { value: viewPerson(person), revision: person.revision }
    },
  }),
  act({
    ...{
      method: 'PATCH',
      path: '/tenants/{tenant}/people/{person}',
      operation: 'changePerson',
      summary: 'Change the ceiling of a person',
    },
    allows: ['admin'],
    body: z.strictObject({ name: label.optional(), ceiling: ceiling.optional() }),
    ...{ ifMatch: 'required', answer: personAnswer },
    revision: async (tables, request) =>
      (await findPerson(tables, param(request, 'tenant'), param(request, 'person'))).revision,
    act: async (tables, request) => {
      const person = await findPerson(tables, param(request, 'tenant'), param(request, 'person'))
      if (person.state === 'left') throw new Refusal('state_conflict', 'the person has left')
      return personResult(await changePerson(tables, person, request.body, request.nowMs), 'person_changed')
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/tenants/{tenant}/people/{person}/departure',
      operation: 'leavePerson',
      summary: 'A person leaves: their agents stop',
    },
    allows: ['admin'],
    answer: z.object({
      ...{ person: personAnswer, suspended: z.array(z.string()), tokens: z.number(), rolesKept: z.array(role) },
    }),
    act: async (tables, request) => {
      const { nowMs, standing, users } = request
      const found = await findPerson(tables, param(request, 'tenant'), param(request, 'person'))
      const takes = standing.everywhere.includes('admin') ? 'all-roles' : 'roles-of-the-tenant'
      const names = await users.findNames(found.id)
      const { person, ...rest } = await leavePerson(tables, found, { names, issuer: users.issuer, takes, nowMs })
      const result = personResult(person, 'person_left')
      return { ...result, details: { ...result.details, ...rest }, value: { person: viewPerson(person), ...rest } }
    },
  }),
  act({
    ...{
      method: 'PUT',
      path: '/tenants/{tenant}/templates/{template}',
      operation: 'putTemplate',
      summary: 'Write a template of capabilities',
    },
    allows: ['admin'],
    ...{ body: z.strictObject({ ceiling, constraints: constraints.default({}) }), answer: TEMPLATE },
    revision: async (tables, request) =>
      (await findTemplate(tables, param(request, 'tenant'), param(request, 'template'))).revision,
    act: async (tables, request) => {
      const tenant = param(request, 'tenant')
      await requireTenant(tables, tenant)
      const id = checkSlug(param(request, 'template'))
      const value = await putTemplate(tables, { tenant, id, ...request.body }, request.nowMs)
      return { value, revision: value.revision, event: 'template_written', details: { ...value } }
    },
  }),
  read({
    ...{ path: '/tenants/{tenant}/templates', operation: 'listTemplates', summary: 'Templates of a tenant' },
    allows: ['admin', 'operator', 'auditor'],
    answer: listOf(TEMPLATE),
    read: async (tables, request) => ({ value: { items: await listTemplates(tables, param(request, 'tenant')) } }),
  }),
]

function personResult(person: Parameters<typeof viewPerson>[0], event: string) {
  const value = viewPerson(person)
  const { tenant, ceiling: given, state } = value
  return {
    value,
    revision: person.revision,
    event,
    details: { tenant, ceiling: given, state },
    people: { person: value.id },
  }
}

function checkSlug(text: string): string {
  if (slug.safeParse(text).success) return text
  throw new Refusal('input_invalid', 'the name of a template is 1 to 63 of a-z 0-9 -', {
    members: { errors: [{ pointer: '', message: 'expected 1 to 63 of a-z 0-9 - in the path' }] },
  })
}
