import { createFieldNames } from '../src/header-fields.ts'

describe('the memory of field names', () => {
  it('knows a field under every spelling', () => {
    const names = createFieldNames()
    const once = { name: 'content-type', isOnce: true, isAlias: false, isPseudo: false }
    expect(['Content-Type', 'content-type', 'CONTENT-TYPE', 'Content-Type'].map(names.find)).toEqual(
      new Array(4).fill(once),
    )
    expect(names.find('Agent_ID')).toEqual({ name: 'agent_id', isOnce: false, isAlias: true, isPseudo: false })
    expect(names.find(':path')).toMatchObject({ isPseudo: true })
    expect(names.find('__proto__')).toEqual({ name: '__proto__', isOnce: false, isAlias: false, isPseudo: false })
  })
})

describe('an attacker', () => {
  it('cannot make it grow with invented names, nor make it forget what a name means', () => {
    const names = createFieldNames()
    let most = 0
    for (let index = 0; index < 5000; index++) {
      names.find(`X-Invented-${index}`)
      most = Math.max(most, names.count())
    }
    expect(most).toBe(512)
    expect(names.find('Authorization')).toMatchObject({ name: 'authorization', isOnce: true })
  })

  it('cannot fill it with long names', () => {
    const names = createFieldNames()
    expect(names.find(`X-${'a'.repeat(8000)}`).name).toBe(`x-${'a'.repeat(8000)}`)
    expect(names.count()).toBe(0)
  })
})
