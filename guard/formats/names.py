"""The names that the APIs give to the members of their objects.

A key found here is the API's own word and says nothing; any other key came from a person or a model and is a string
like others. A name that is missing here costs a moment of scanning, nothing else; a word that people would use for
something of their own should be missing.
"""

from __future__ import annotations

_REQUEST = """
    model messages role content name type text stream stream_options include_usage temperature max_tokens
    max_completion_tokens max_output_tokens top_p top_k min_p n stop stop_sequences seed user metadata store suffix echo
    best_of prompt input instructions system frequency_penalty presence_penalty repetition_penalty logit_bias logprobs
    top_logprobs response_format json_schema schema strict tools tool_choice parallel_tool_calls max_tool_calls function
    functions function_call parameters arguments description input_schema tool_calls tool_call_id tool_use_id call_id
    service_tier reasoning reasoning_effort effort summary verbosity thinking budget_tokens truncation background
    include previous_response_id conversation prompt_cache_key safety_identifier modalities audio voice format
    prediction image_url input_audio url detail file file_id file_data filename source media_type data cache_control ttl
    is_error dimensions encoding_format
"""

_SCHEMA = """
    properties required items enum const anyOf allOf oneOf not additionalProperties minimum maximum minLength maxLength
    minItems maxItems uniqueItems default $schema $ref $defs definitions
"""

_ANSWER = """
    id object created created_at completed_at choices index message delta finish_reason refusal annotations
    reasoning_content system_fingerprint usage prompt_tokens completion_tokens total_tokens prompt_tokens_details
    completion_tokens_details input_tokens output_tokens input_tokens_details output_tokens_details cached_tokens
    cache_write_tokens reasoning_tokens thinking_tokens audio_tokens image_tokens text_tokens
    accepted_prediction_tokens rejected_prediction_tokens cache_creation cache_creation_input_tokens
    cache_read_input_tokens ephemeral_5m_input_tokens ephemeral_1h_input_tokens server_tool_use web_search_requests
    web_fetch_requests inference_geo stop_reason stop_sequence stop_details container signature citations
    output status error incomplete_details output_text logprob token tokens token_logprobs text_offset bytes
    embedding results flagged categories category_scores category_applied_input_types code param transcript expires_at
"""

_EVENT = """
    sequence_number output_index content_index summary_index command_index annotation_index item_id item part response
    obfuscation content_block partial_json
"""

NAMES = frozenset(f"{_REQUEST} {_SCHEMA} {_ANSWER} {_EVENT}".split())
