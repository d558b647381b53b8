import { freshForSeconds, retryAfterSeconds } from '../src/document.ts'

function headers(fields: Readonly<Record<string, string>>): (name: string) => string | undefined {
  return (name) => fields[name]
}

describe('freshForSeconds', () => {
  it.each([
    [{ 'cache-control': 'max-age=60' }, 60],
    [{ 'cache-control': 'public, MAX-AGE=60, must-revalidate' }, 60],
    [{ 'cache-control': 'max-age="60"' }, 60],
    [{ 'cache-control': 'max-age=60', age: '20' }, 40],
    [{ 'cache-control': 'max-age=60', age: '90' }, 0],
    [{ 'cache-control': 'no-store' }, 0],
    [{ 'cache-control': 'max-age=60, no-cache' }, 0],
    [{ 'cache-control': 'max-age=-1' }, undefined],
    [{ 'cache-control': 'max-age=1e9' }, undefined],
    [{ 'cache-control': 's-maxage=60' }, undefined],
    [{}, undefined],
  ])('reads %j as %p', (fields, expected) => {
    expect(freshForSeconds(headers(fields as Record<string, string>))).toBe(expected)
  })
})

describe('retryAfterSeconds', () => {
  it.each([
    [{ 'retry-after': '120' }, 120],
    [{ 'retry-after': ' 7 ' }, 7],
    [{ 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT', date: 'Fri, 31 Dec 1999 23:59:29 GMT' }, 30],
    [{ 'retry-after': 'Fri, 31 Dec 1999 23:59:29 GMT', date: 'Fri, 31 Dec 1999 23:59:59 GMT' }, undefined],
    [{ 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{}, undefined],
  ])('reads %j as %p', (fields, expected) => {
    expect(retryAfterSeconds(headers(fields as Record<string, string>))).toBe(expected)
  })
})
