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
  ['outbound', 3],

  ['throttling', 4],

  ['clients', 5],
  ['accounts', 5],
  ['tokens', 5],

  ['access', 6],
  ['backchannel_logout', 6],
  ['grant_types', 6],

  ['endpoints', 7],
  ['platform', 7],
  ['gateway', 7],
  ['management', 7],

  ['sites.ts', 8],
  ['app.ts', 9],

  ['cli', 10],
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
