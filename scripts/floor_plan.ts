/**
 * The rooms of src/ and the floor that each is on, from the ground up. A file imports from its own room or from a lower floor. A room
 * that is not here does not exist: give a new one its floor before its first file.
 */
export const floorPlan: ReadonlyMap<string, number> = new Map([
  ['base', 1],

  ['protocol', 2],
  ['config.ts', 2],

  ['pages', 3],
  ['http', 3],
  ['stores', 3],

  ['clients', 4],
  ['accounts', 4],
  ['tokens', 4],

  ['access', 5],
  ['grant_types', 5],

  ['endpoints', 6],
  ['platform', 6],
  ['gateway', 6],
  ['management', 6],

  ['app.ts', 7],

  ['cli', 8],
])

/** Names that say nothing of what is inside, so that everything ends up inside. */
export const namesThatSayNothing: ReadonlySet<string> = new Set([
  'common',
  'helper',
  'helpers',
  'lib',
  'misc',
  'shared',
  'util',
  'utils',
])
