package policy

import (
	"bytes"
	"encoding/json"
	"time"
)

//go:generate go run ./genschema

// SchemaID is where the JSON Schema of a policy document is published.
const SchemaID = "https://github.com/repsync/repsync/blob/main/docs/policy.schema.json"

// Schema returns the JSON Schema (draft 2020-12, https://json-schema.org/draft/2020-12) of a policy document, for editors
// and for other tools. It is made from the table that Read validates with: what it refuses, Read refuses too. Read goes
// further, since a schema knows neither CEL nor contradictions.
func Schema() []byte {
	schema := document.schema()
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = SchemaID
	schema["title"] = "Repsync policy"
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		panic("policy: the schema is made of JSON's own types: " + err.Error())
	}
	return out.Bytes()
}

// schema is a key's part of the schema.
func (k *key) schema() map[string]any {
	out := map[string]any{"description": k.about}
	if k.at != nil {
		base := Default()
		switch v := value(k, &base).(type) {
		case time.Duration:
			out["default"] = formatDuration(v)
		case []string:
			out["default"] = append([]string{}, v...)
		case string:
			if v != "" {
				out["default"] = v
			}
		case map[string]Field:
			out["default"] = map[string]any{}
		default:
			out["default"] = v
		}
	}
	switch k.shape {
	case aGroup:
		properties := map[string]any{}
		for _, c := range k.keys {
			properties[c.name] = c.schema()
		}
		out["type"] = []string{"object", "null"}
		if k == document {
			out["type"] = "object"
		}
		out["properties"], out["additionalProperties"] = properties, false
	case aText:
		// JSON Schema's patterns are ECMA-262's, which write a control character like Go's.
		out["type"], out["pattern"] = "string", k.pattern
	case aChoice:
		out["enum"] = k.choices
	case aNumber:
		out["type"], out["minimum"], out["maximum"] = "integer", k.min, k.max
	case aFlag:
		out["type"] = "boolean"
	case aDuration:
		out["type"], out["pattern"] = "string", durationPattern
	case aList:
		items := map[string]any{"type": "string", "pattern": `\S`}
		if k.choices != nil {
			items = map[string]any{"enum": k.choices}
		}
		out["type"], out["items"], out["uniqueItems"], out["minItems"] = "array", items, true, k.min
	case aFilter:
		out["type"], out["pattern"] = "string", `\S`
	case aFields:
		field := map[string]any{
			"type": "object", "additionalProperties": false,
			"properties": map[string]any{
				"crm":     map[string]any{"type": "string", "pattern": apiName, "description": "The CRM's API name of the field."},
				"mailbox": map[string]any{"type": "string", "description": "Repsync's name of the field on the mailbox's side."},
				"winner":  map[string]any{"enum": winners, "description": "Who wins when both sides changed the field; conflict when it is left out."},
			},
		}
		out["type"], out["additionalProperties"] = []string{"object", "null"}, field
		if k.known != nil {
			out["propertyNames"] = map[string]any{"enum": k.known}
		}
	}
	return out
}
