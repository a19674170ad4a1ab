package input

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// quantityType decodes itself, so the decoder cannot be told to take care.
var quantityType = reflect.TypeFor[resource.Quantity]()

// checkExponents refuses a quantity with an exponent of three digits or more.
// Anywhere else such text is legal, in a label's value or a command's argument,
// so the type that is decoded into says where the quantities are.
func checkExponents(data []byte, into any) error {
	if !hasLongExponent(data) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if decoder.Decode(&tree) != nil {
		return nil // the typed decoder says what is wrong
	}
	return walkQuantities(tree, reflect.TypeOf(into))
}

// hasLongExponent finds a whole token that resource.Quantity would write out
// digit by digit before it refuses or rounds it: 1e99999999 takes minutes. A
// scan by hand, because every byte of the input passes here; parts of longer
// words, such as the hex digits of an ID, do not count.
func hasLongExponent(data []byte) bool {
	const digits = 3
	for e := 1; e < len(data); e++ {
		if data[e]|0x20 != 'e' || !isMantissa(data[e-1]) {
			continue
		}
		begin := e - 1
		for begin > 0 && isMantissa(data[begin-1]) {
			begin--
		}
		end := e + 1
		if end < len(data) && (data[end] == '+' || data[end] == '-') {
			end++
		}
		first := end
		for end < len(data) && '0' <= data[end] && data[end] <= '9' {
			end++
		}
		if end-first >= digits && (begin == 0 || !isWord(data[begin-1])) && (end == len(data) || !isWord(data[end])) {
			return true
		}
	}
	return false
}

func isMantissa(c byte) bool {
	return '0' <= c && c <= '9' || c == '.' || c == '+' || c == '-'
}

func isWord(c byte) bool {
	return isMantissa(c) || c == '_' || c == '/' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func walkQuantities(tree any, of reflect.Type) error {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of == quantityType {
		if text := fmt.Sprint(tree); hasLongExponent([]byte(text)) {
			return fmt.Errorf("quantity %.40s: the exponent is out of range", text)
		}
		return nil
	}
	switch tree := tree.(type) {
	case []any:
		if of.Kind() != reflect.Slice && of.Kind() != reflect.Array {
			return nil
		}
		for _, item := range tree {
			if err := walkQuantities(item, of.Elem()); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			var field reflect.Type
			switch of.Kind() {
			case reflect.Map:
				field = of.Elem()
			case reflect.Struct:
				field = jsonField(of, key)
			}
			if field == nil {
				continue
			}
			if err := walkQuantities(tree[key], field); err != nil {
				return err
			}
		}
	}
	return nil
}

// jsonField is the type of a struct's field by its JSON name, nil if there is
// none.
func jsonField(of reflect.Type, name string) reflect.Type {
	for i := range of.NumField() {
		field := of.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == name && tag != "" {
			return field.Type
		}
		if tag == "" && field.Anonymous && (options == "inline" || options == "") && field.Type.Kind() == reflect.Struct {
			if found := jsonField(field.Type, name); found != nil {
				return found
			}
		}
	}
	return nil
}
