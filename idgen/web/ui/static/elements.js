/** Elements of the page, made and changed in place.  Text only: nothing here reads markup. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element of that class with these children, which are nodes or texts. */
export function html(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** An SVG element with these attributes and children. */
export function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  set(element, attributes);
  element.append(...children);
  return element;
}

/** Set the attributes that differ. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

/** Have the element say this, and leave it alone if it does: so a selection in it survives. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Have the element say this, or be away where there is nothing to say. */
export function writeOrHide(element, text) {
  write(element, text);
  element.hidden = !text;
}
