package templates

import "github.com/a-h/templ"

func (a Action) class() string {
	if a.Tone == "" {
		return "btn"
	}
	return "btn " + a.Tone
}

func (in Input) errorID() string { return "error-" + in.Name }

// attributes are the ones of an <input>; those without a value are left out.
func (in Input) attributes() templ.OrderedAttributes {
	kind := in.Kind
	if kind == "" {
		kind = "text"
	}
	list := templ.OrderedAttributes{{Key: "class", Value: "field"}, {Key: "type", Value: kind}, {Key: "name", Value: in.Name}}
	add := func(key, value string) {
		if value != "" {
			list = append(list, templ.KeyValue[string, any]{Key: key, Value: value})
		}
	}
	add("value", in.Value)
	add("placeholder", in.Placeholder)
	add("autocomplete", in.Autocomplete)
	add("min", in.Min)
	add("max", in.Max)
	if in.Required {
		list = append(list, templ.KeyValue[string, any]{Key: "required", Value: true})
	}
	if in.Autofocus {
		list = append(list, templ.KeyValue[string, any]{Key: "autofocus", Value: true})
	}
	if in.Error != "" {
		add("aria-invalid", "true")
		add("aria-describedby", in.errorID())
	}
	return list
}
