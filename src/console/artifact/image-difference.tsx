/** Two pictures: next to each other, one over the other with a line between them, or blended. */
import { useRef, useState } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { place, setParams } from '../base/place.ts';
import { DrawingPreview, ImagePreview } from '../previews/image.tsx';
import { described } from './described.ts';

/** The ways in which two pictures are shown. */
const ways = ['next to each other', 'line', 'blend'] as const;
type Way = (typeof ways)[number];

interface PairProps {
  readonly base: Artifact;
  readonly compared: Artifact;
  /** Whether they are SVG. */
  readonly isDrawing: boolean;
}

/** The comparison. */
export function ImageDifference(props: PairProps) {
  const asked = place.value.params.get('images');
  const way: Way = ways.find((one) => one === asked) ?? ways[0];
  return (
    <>
      <fieldset class="views">
        <legend class="skip">Compared</legend>
        {ways.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="images"
              checked={one === way}
              onChange={() => setParams({ images: one === ways[0] ? '' : one })}
            />
            {one}
          </label>
        ))}
      </fieldset>
      {way === ways[0] ? <Both {...props} /> : <Overlaid {...props} way={way} />}
    </>
  );
}

function Both({ base, compared, isDrawing }: PairProps) {
  return (
    <div class="pair-of-images">
      {[base, compared].map((one) => (
        <section key={one.id} aria-label={described(one)}>
          <p class="quiet">{described(one)}</p>
          <Shown artifact={one} isDrawing={isDrawing} />
        </section>
      ))}
    </div>
  );
}

function Shown({ artifact, isDrawing }: { artifact: Artifact; isDrawing: boolean }) {
  const Preview = isDrawing ? DrawingPreview : ImagePreview;
  return <Preview id={artifact.id} bytes={Number(artifact.sizeBytes)} name={artifact.name} />;
}

/** One over the other. The slider works by keys, and the picture by the mouse. */
function Overlaid({ base, compared, isDrawing, way }: PairProps & { way: Way }) {
  const [part, setPart] = useState(50);
  const pictures = useRef<HTMLDivElement>(null);
  const isDragged = useRef(false);
  const follow = (event: PointerEvent) => {
    // The pictures may be narrower than the place that they have.
    const box = (pictures.current?.querySelector('.over img') ?? pictures.current)?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return;
    setPart(Math.round(Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100))));
  };
  const style = way === 'blend' ? { opacity: String(part / 100) } : { clipPath: `inset(0 0 0 ${part}%)` };
  return (
    <div class="overlaid-images">
      <label class="controls">
        <span>{way === 'blend' ? 'how much of the second' : 'where the second begins'}</span>
        <input
          type="range"
          min={0}
          max={100}
          value={part}
          aria-valuetext={`${part} %`}
          onInput={(event) => setPart(Number(event.currentTarget.value))}
        />
        <output>{part} %</output>
      </label>
      <p class="quiet note">
        first: {described(base)}; second: {described(compared)}
      </p>
      <div
        ref={pictures}
        class={`pictures as-${way}`}
        onPointerDown={(event) => {
          isDragged.current = true;
          event.currentTarget.setPointerCapture(event.pointerId);
          follow(event);
        }}
        onPointerMove={(event) => {
          if (isDragged.current) follow(event);
        }}
        onPointerUp={() => {
          isDragged.current = false;
        }}
        onPointerCancel={() => {
          isDragged.current = false;
        }}
      >
        <Shown artifact={base} isDrawing={isDrawing} />
        <div class="over" style={style}>
          <Shown artifact={compared} isDrawing={isDrawing} />
        </div>
      </div>
    </div>
  );
}
