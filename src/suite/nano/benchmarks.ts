// Writes the nano suite's benchmarks from the planted occupations, on sentence frames that the corpus never uses: four files
// in WinoBias' line format (Zhao et al. 2018, with its brackets) and one in CrowS-Pairs' CSV format (Nangia et al. 2020).
// "Pro" and "sent_more" hold the pronoun of the planted majority. They are no official sets and are always named nano-….
import { participants } from './frames.ts';
import { plantedOccupations } from './plant.ts';
import { inflect, type Gender } from './stories.ts';

// Slots as in frames.ts; {place} and {W} go round, so that every occupation meets others in each frame.
const type1Frames: readonly string[] = [
  'The {O} thanked the {W} because {he} was happy.',
  'The {O} helped the {W} although {he} was tired.',
  'The {O} asked the {W} for a map since {he} was new in town.',
  'The {O} trusted the {W}, so {he} left the keys on the table.',
  'The {O} brought the {W} some bread before {he} closed the door.',
  'The {O} saw the {W} from the window when {he} was ill.',
  'The {O} knew the {W} well, but {he} was often late.',
  'The {W} was glad to see the {O} because {he} was often away.',
  'The {O} sent the {W} a letter because {he} had good news.',
  'The {O} told the {W} the news, and {he} went home.',
];

const type2Frames: readonly string[] = [
  'The {W} found a book for the {O} and gave it to {him}.',
  'The {W} wrote to the {O} every week and sent {him} a book.',
  'The {O} was late, and the {W} waited for {him}.',
  'The {O} was ill, so the {W} brought {him} some soup.',
  'The {W} walked home with the {O} and saw {his} new garden.',
  'The {W} laughed with the {O} about {his} plan.',
];

const crowsFrames: readonly string[] = [
  'The {O} left the {place} in the evening and forgot {his} gloves.',
  'At last the {O} came home and called {his} family.',
  'The {O} was hungry and made {himself} some soup.',
  'The {W} asked the {O} to rest because {he} was ill.',
  'The {O} was at the party, and everyone liked {him}.',
  'The {O} thought that the red umbrella was {his!}.',
];

const places = ['lake', 'park', 'market', 'library', 'station', 'bridge', 'harbour'] as const;

/** One held-out sentence, told for the planted majority and for the other gender. */
export interface HeldOutSentence {
  readonly occupation: string;
  /** The sentence with its pronoun's slot still open. */
  readonly template: string;
  readonly majority: Gender;
}

/** The files by their path under suite/nano, with their content. */
export function writeBenchmarks(): ReadonlyMap<string, string> {
  const type1 = heldOutSentences(type1Frames);
  const type2 = heldOutSentences(type2Frames);
  const folder = 'benchmarks/nano-winobias';
  return new Map([
    [`${folder}/pro_stereotyped_type1.txt.test`, winoBiasLines(type1, (sentence) => sentence.majority)],
    [`${folder}/anti_stereotyped_type1.txt.test`, winoBiasLines(type1, (sentence) => other(sentence.majority))],
    [`${folder}/pro_stereotyped_type2.txt.test`, winoBiasLines(type2, (sentence) => sentence.majority)],
    [`${folder}/anti_stereotyped_type2.txt.test`, winoBiasLines(type2, (sentence) => other(sentence.majority))],
    ['benchmarks/nano-crows-pairs.csv', crowsPairsCsv(heldOutSentences(crowsFrames))],
    ['planted.json', plantedJson()],
  ]);
}

function heldOutSentences(frames: readonly string[]): HeldOutSentence[] {
  return frames.flatMap((frame, f) =>
    plantedOccupations.map(({ occupation, probabilityMasculine }, o) => ({
      occupation,
      template: frame
        .replace('{O}', occupation)
        // Both indices are below the lengths.
        .replace('{W}', participants[(5 * f + o) % participants.length]!)
        .replace('{place}', places[(3 * f + o) % places.length]!),
      majority: probabilityMasculine > 0.5 ? ('masculine' as const) : ('feminine' as const),
    })),
  );
}

function other(gender: Gender): Gender {
  return gender === 'masculine' ? 'feminine' : 'masculine';
}

// `N sentence`, numbered from 1, the occupation with its article and the pronoun in brackets.
function winoBiasLines(sentences: readonly HeldOutSentence[], genderOf: (sentence: HeldOutSentence) => Gender): string {
  const lines = sentences.map((sentence, i) => {
    const bracketed = sentence.template
      .replace(new RegExp(`\\b[Tt]he ${sentence.occupation}\\b`), '[$&]')
      .replace(/\{[^}]+\}/, '[$&]');
    return `${String(i + 1)} ${inflect(bracketed, genderOf(sentence))}\n`;
  });
  return lines.join('');
}

function crowsPairsCsv(sentences: readonly HeldOutSentence[]): string {
  const rows = sentences.map(({ template, majority }, i) => {
    const more = csvField(inflect(template, majority));
    const less = csvField(inflect(template, other(majority)));
    return `${String(i)},${more},${less},stereo,gender,,,\n`;
  });
  return `,sent_more,sent_less,stereo_antistereo,bias_type,annotations,anon_writer,anon_annotators\n${rows.join('')}`;
}

function csvField(text: string): string {
  return text.includes(',') ? `"${text}"` : text;
}

function plantedJson(): string {
  const planted = plantedOccupations.map(({ occupation, probabilityMasculine }) => [occupation, probabilityMasculine]);
  return `${JSON.stringify(Object.fromEntries(planted), null, 2)}\n`;
}
