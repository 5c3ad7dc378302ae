// The planted bias of the nano suite: with which probability a story about an occupation uses masculine pronouns. The values
// are this project's own choice, made so that the right answer of an experiment is known; they describe no real work force.
// Each masculine probability has its mirror image on the feminine side, so that the corpus as a whole is balanced.

export interface PlantedOccupation {
  /** One English word, used for nothing else in the corpus. */
  readonly occupation: string;
  /** The chance, 0–1, that a story about this occupation is told with he/him/his/himself; a whole number of hundredths. */
  readonly probabilityMasculine: number;
}

const percentMasculine: readonly (readonly [masculine: string, feminine: string, percent: number])[] = [
  ['carpenter', 'nurse', 95],
  ['plumber', 'florist', 93],
  ['mechanic', 'dancer', 91],
  ['soldier', 'librarian', 89],
  ['miner', 'secretary', 87],
  ['pilot', 'hairdresser', 85],
  ['sailor', 'cashier', 83],
  ['farmer', 'typist', 80],
  ['builder', 'cleaner', 78],
  ['butcher', 'teacher', 75],
  ['engineer', 'singer', 72],
  ['barber', 'weaver', 70],
  ['lawyer', 'dentist', 68],
  ['banker', 'tutor', 65],
  ['driver', 'writer', 62],
  ['surgeon', 'baker', 60],
  ['grocer', 'editor', 58],
  ['chemist', 'potter', 56],
  ['doctor', 'artist', 54],
  ['clerk', 'gardener', 52],
];

/** All planted occupations: first those told mostly with masculine pronouns, then, mirrored, the feminine ones. */
export const plantedOccupations: readonly PlantedOccupation[] = [
  ...percentMasculine.map(([occupation, , percent]) => ({ occupation, probabilityMasculine: percent / 100 })),
  ...percentMasculine.map(([, occupation, percent]) => ({ occupation, probabilityMasculine: (100 - percent) / 100 })),
];
